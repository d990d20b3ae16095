/** What a hundred thousand series cost in memory, and a million in time. */

import { readFileSync } from 'node:fs'
import { freePorts, get, LOOPBACK, pause, Server } from '../test/peers/kit/process.ts'
import { node, Thalamus } from '../test/peers/kit/servers.ts'
import { median, runLoader, Subject } from './kit.ts'

export interface Finding {
  readonly what: string
  readonly value: string
  readonly bar: string
  readonly met: boolean
}

const MB = 1e6
const SERIES_PER_SERVICE = 110
const rss = (pid: number) => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024

/** Resident memory of the default configuration with 100,000 series that are sent again and again and scraped, less that of an idle SDK. */
export async function memory(): Promise<Finding[]> {
  const idle = await idleSdk()
  const [metricsPort] = (await freePorts(1)) as [number]
  await stripTypesOnce(metricsPort)
  await using thalamus = await Thalamus.startDefault({ metricsPort })
  const services = Math.ceil(100_000 / SERIES_PER_SERVICE)
  const load = { points: SERIES_PER_SERVICE, bodies: services, sources: services, rate: 1000, seconds: 10 }
  await runLoader(load, thalamus.httpPort, thalamus.server.pid, undefined, 'Thalamus')
  const samples: number[] = []
  for (let second = 0; second < 10; second++) {
    if (second % 5 === 0) await get(`http://${LOOPBACK}:${metricsPort}/metrics`)
    await pause(1000)
    samples.push(rss(thalamus.server.pid))
  }
  const more = median(samples) - idle
  const value = `${Math.round(more / MB)} MB more than an idle SDK (${Math.round(median(samples) / MB)} − ${Math.round(idle / MB)})`
  return [
    {
      what: `resident memory, default configuration, ${services * SERIES_PER_SERVICE} series, scraped`,
      value,
      bar: '≤ 150 MB',
      met: more <= 150 * MB,
    },
  ]
}

/** The package is compiled; from source, a first run strips types, for which Node loads 25 MB that a later run finds done in its cache. */
async function stripTypesOnce(metricsPort: number): Promise<void> {
  await using thalamus = await Thalamus.startDefault({ metricsPort })
  await thalamus.stop('SIGTERM')
}

async function idleSdk(): Promise<number> {
  const script = "await import('@opentelemetry/sdk-node'); setInterval(() => {}, 1000); console.log('ready')"
  const began = performance.now()
  await using server = await Server.start({
    file: node(),
    args: ['--input-type=module', '-e', script],
    ready: async () => performance.now() - began > 2000,
  })
  return rss(server.pid)
}

/** CPU per point with 900,000 series against 1,000, through the forwarding pipeline, after every series has been seen. */
export async function cardinality(seconds: number): Promise<Finding[]> {
  const cost = async (series: number) => {
    await using subject = await Subject.start(Thalamus, 'otlp_http')
    const sources = Math.ceil(series / SERIES_PER_SERVICE)
    const bodies = Math.max(64, sources)
    await subject.load({ points: SERIES_PER_SERVICE, bodies, sources, seconds: 1, warmSeconds: 0, once: true })
    const { cpuSeconds, rows } = await subject.load({ points: SERIES_PER_SERVICE, bodies, sources, seconds: 2 * seconds })
    return cpuSeconds / rows
  }
  const [few, many] = [await cost(1000), await cost(900_000)]
  const ratio = many / few
  const value = `${ratio.toFixed(2)}× (${(few * 1e9).toFixed(0)} → ${(many * 1e9).toFixed(0)} ns)`
  return [{ what: 'cost per point, 1,000 → 900,000 series', value, bar: '≤ 1.5×', met: ratio <= 1.5 }]
}
