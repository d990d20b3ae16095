/**
 * The pipeline in this process: started before all else is loaded, so that it starts beside that, or found in the process that forked this
 * one. Where it cannot be had, telemetry goes over OTLP as without it.
 */
import cluster from 'node:cluster'
import { StartError } from '../component/errors.ts'
import type { Started } from '../embed/pipeline.ts'
import { Pipeline } from '../embed/pipeline.ts'
import { type Signal, signals } from '../model/signal.ts'
import { afterUnheld, say } from './outside.ts'
import type { Embed, Environment, Settings } from './settings.ts'

export type Embedding =
  | { readonly is: 'here'; readonly pipeline: Pipeline; readonly started: Started }
  /** of another process of the same cluster */
  | { readonly is: 'shared'; readonly url: string; readonly takes: readonly Signal[] }
  /** `problem` undefined: there is nothing to say */
  | { readonly is: 'none'; readonly problem: string | undefined }

/** What a process tells those that it forks: where its pipeline receives OTLP, and which signals it takes. */
export const sharedName = 'THALAMUS_EMBEDDED'
const defaultAddress = 'http://127.0.0.1:4318'

export interface Around {
  readonly env: Environment
  /** for whoever is forked later */
  setVariable(name: string, value: string): void
  readonly settings: Settings
}

export async function beginEmbedding(embed: Embed, around: Around): Promise<Embedding> {
  const { env, settings } = around
  // Only of a parent that is alive: a channel to it says so.
  const parents = process.send === undefined ? undefined : sharedBy(env[sharedName])
  if (parents !== undefined) return parents
  const pipeline = new Pipeline({
    configured:
      embed.configs.length > 0
        ? { by: 'files', paths: embed.configs, env }
        : // In a cluster the first has the ports, and the others find it there.
          { by: 'default', forward: embed.forward, moves: !cluster.isWorker },
    env,
    memoryMiB: embed.memoryMiB,
    died: why => {
      if (settings.warnings) say(`thalamus: the pipeline in this process has ended: ${why}; what is recorded from here on is lost`)
    },
  })
  try {
    const started = await pipeline.held(Promise.race([pipeline.started, tooLate()]))
    const otlp = started.listening.find(({ component, what }) => component.split('/')[0] === 'otlp' && what === 'OTLP over HTTP')
    if (otlp !== undefined) around.setVariable(sharedName, `${otlp.url} ${started.takes.join(',')}`)
    return { is: 'here', pipeline, started }
  } catch (error) {
    void pipeline.stop()
    const { message, taken } = error as StartError
    if (cluster.isWorker && error instanceof StartError && taken) return { is: 'shared', url: defaultAddress, takes: signals }
    return { is: 'none', problem: `the pipeline in this process: ${message.split('\n', 1)[0]}` }
  }
}

/** [ms] An application waits no longer than this to begin. */
const startMs = 30_000

const tooLate = () =>
  new Promise<never>((_, reject) => {
    afterUnheld(startMs, () => reject(new Error(`it did not start within ${startMs / 1000} s`)))
  })

function sharedBy(text: string | undefined): Embedding | undefined {
  const [url, takes = ''] = (text ?? '').split(' ')
  if (url === undefined || !/^http:\/\/[\w.:[\]-]+$/.test(url)) return undefined
  return { is: 'shared', url, takes: signals.filter(signal => takes.split(',').includes(signal)) }
}

/** Where each signal goes: to the pipeline, as far as it takes it. */
export function withEmbedding(settings: Settings, embedding: Embedding, problems: string[]): Settings {
  if (embedding.is === 'none') {
    if (embedding.problem !== undefined) problems.push(embedding.problem)
    return settings
  }
  const takes = embedding.is === 'here' ? embedding.started.takes : embedding.takes
  const asked = signals.filter(signal => (settings[signal] as readonly string[]).includes('otlp'))
  const without = asked.filter(signal => !takes.includes(signal))
  if (without.length > 0) problems.push(`${without.join(', ')}: no pipeline takes them`)
  const destination = (signal: Signal) =>
    embedding.is === 'here'
      ? { ...nowhere, url: 'the pipeline in this process' }
      : { ...nowhere, url: `${embedding.url}/v1/${signal}`, timeoutMs: 10_000, given: true }
  return {
    ...settings,
    traces: settings.traces.filter(name => name !== 'otlp' || takes.includes('traces')),
    metrics: settings.metrics.filter(name => name !== 'otlp' || takes.includes('metrics')),
    logs: settings.logs.filter(name => name !== 'otlp' || takes.includes('logs')),
    destinations: { traces: destination('traces'), metrics: destination('metrics'), logs: destination('logs') },
  }
}

const nowhere = {
  protocol: 'http/protobuf',
  headers: {},
  timeoutMs: 0,
  certificate: undefined,
  clientCertificate: undefined,
  clientKey: undefined,
} as const
