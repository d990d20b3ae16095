/** The files that docker-compose.yml gives to the servers of the stack are accepted by those servers. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { Folder, finish, freePorts, get, LOOPBACK, listens, Server } from './kit/process.ts'
import { node, program } from './kit/servers.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const compose = parse(readFileSync(`${ROOT}docker-compose.yml`, 'utf8')) as {
  services: Record<string, { image: string; volumes?: string[]; command?: string[] }>
}

test('every image is pinned and can be replaced, and every mounted file exists', () => {
  for (const [name, { image, volumes = [] }] of Object.entries(compose.services)) {
    expect(image).toMatch(name === 'thalamus' ? /^\$\{THALAMUS_IMAGE:-/ : /^\$\{\w+_IMAGE:-[\w./-]+:v?\d+\.\d+\.\d+\}$/)
    for (const volume of volumes) expect([volume, existsSync(ROOT + volume.split(':')[0])]).toEqual([volume, true])
  }
})

test('the Collector accepts otel-collector-config.yaml', async () => {
  expect(await finish(program('otelcol'), ['validate', '--config', `${ROOT}otel-collector-config.yaml`])).toBe('')
})

test('Prometheus accepts prometheus.yml', async () => {
  expect(await finish(program('promtool'), ['check', 'config', `${ROOT}prometheus/prometheus.yml`])).toContain('SUCCESS')
})

test('Jaeger starts with config.yml, and serves the sampling strategies', async () => {
  const folder = new Folder()
  const original = readFileSync(`${ROOT}jaeger/config.yml`, 'utf8')
  const wanted = [...original.matchAll(/0\.0\.0\.0:(\d+)/g)].map(match => match[1] as string)
  const ports = await freePorts(wanted.length)
  const at = new Map(wanted.map((port, i) => [port, ports[i] as number]))
  const text = original
    .replaceAll(/0\.0\.0\.0:(\d+)/g, (_, port: string) => `${LOOPBACK}:${at.get(port)}`)
    .replaceAll('/etc/jaeger/', `${ROOT}jaeger/`)
    // Its own metrics would want a port of their own.
    .replace(/readers: .*/, 'level: none')
  const file = folder.write('config.yml', text)
  const ready = async () => (await Promise.all(ports.map(listens))).every(Boolean)
  await using server = await Server.start({ file: program('jaeger'), args: ['--config', file], ready }, folder)
  expect(server.output).not.toContain('\terror\t')
  expect(JSON.parse(await get(`http://${LOOPBACK}:${at.get('5778')}/api/sampling?service=any`))).toMatchObject({
    probabilisticSampling: { samplingRate: 1 },
  })
})

test('Thalamus accepts the command of its service', async () => {
  const command = compose.services['thalamus']?.command ?? []
  expect(await finish(node(), [`${ROOT}bin/thalamus.js`, '--print-config', ...command])).toContain('otel-collector:4318')
})
