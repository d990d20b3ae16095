import { z } from 'zod'
import { Editing } from '../../attributes/editing.ts'
import { type Consumer, type Context, type Processor, processor } from '../../component/component.ts'
import { choice, duration, refused, withoutEffect } from '../../component/settings.ts'
import { every } from '../../lib/clock.ts'
import type { BatchOf } from '../../model/batch.ts'
import type { Signal } from '../../model/signal.ts'
import { AttributeList, type Change } from '../../otlp/edit.ts'
import { resourceHolder } from '../../otlp/holders.ts'
import { encodeValue } from '../../otlp/value.ts'
import { type DetectorName, detectors, sourcesOf } from './detectors.ts'

const network = [
  'it asks over a network',
  'use system, container, kubernetes or cloud, which read files, or set attributes in OTEL_RESOURCE_ATTRIBUTES',
] as const
/** These read what their platform puts into the environment, or into a file, which has not been tried on any of them. */
const untried = ['is not there yet', 'set the attributes in OTEL_RESOURCE_ATTRIBUTES, which env reads'] as const
const platforms: readonly string[] = ['elastic_beanstalk', 'heroku', 'lambda']
/** The Collector's others: all of them ask a service, but for the platforms. */
const others = [
  ...[
    'akamai',
    'aks',
    'alibaba_ecs',
    'azure',
    'consul',
    'digitalocean',
    'docker',
    'dynatrace',
    'ec2',
    'ecs',
    'eks',
    'elastic_beanstalk',
    'gcp',
    'heroku',
    'hetzner',
  ],
  ...[
    'ibmcloud_classic',
    'ibmcloud_vpc',
    'k8s_api',
    'k8snode',
    'kubeadm',
    'lambda',
    'nova',
    'openshift',
    'oraclecloud',
    'scaleway',
    'tencent_cvm',
    'upcloud',
    'vultr',
  ],
]
/** Their sections, where they are called otherwise, and settings of the client that asks. */
const sections = new Map(
  others.filter(name => name !== 'dynatrace').map(name => [name === 'elastic_beanstalk' ? 'elasticbeanstalk' : name, name]),
)
const why = (name: string): readonly [string, string] => (platforms.includes(name) ? untried : network)
const client = [
  ...[
    'endpoint',
    'proxy_url',
    'tls',
    'read_buffer_size',
    'write_buffer_size',
    'headers',
    'auth',
    'compression',
    'compression_params',
    'cookies',
    'middlewares',
  ],
  ...['max_idle_conns', 'max_idle_conns_per_host', 'max_conns_per_host', 'idle_conn_timeout', 'disable_keep_alives', 'force_attempt_http2'],
  ...['http2_read_idle_timeout', 'http2_ping_timeout'],
]
const each = (names: readonly string[], make: () => z.ZodType) => Object.fromEntries(names.map(name => [name, make()]))

const flags = (name: DetectorName) =>
  z
    .strictObject(
      Object.fromEntries(
        Object.entries(detectors[name].attributes).map(([attribute, told]) => [
          attribute,
          z
            .strictObject({
              enabled: z
                .boolean()
                .default(told as boolean)
                .describe('Whether it is told.'),
            })
            .prefault({})
            .describe(`\`${attribute}\``),
        ]),
      ),
    )
    .prefault({})
    .describe('Which of its attributes are told.')
const section = (name: DetectorName, what: string) =>
  z
    .strictObject({ resource_attributes: flags(name) })
    .prefault({})
    .describe(what)

const hostnameSource = choice(['dns', 'os'], {
  cname: ['it asks over a network', 'use dns, which reads the hosts file, or os'],
  lookup: ['it asks over a network', 'use dns, which reads the hosts file, or os'],
})

const config = z.strictObject({
  detectors: z
    .array(choice(Object.keys(detectors) as DetectorName[], Object.fromEntries(others.map(name => [name, why(name)]))))
    .min(1)
    .default(['env'])
    .describe('Who is asked, in order; of two that find the same attribute the first counts.'),
  override: z.boolean().default(true).describe('What is found replaces what a resource already says of itself.'),
  refresh_interval: duration().prefault(0).describe('How often it is found out again; 0: at the start only.'),
  timeout: withoutEffect(duration().prefault('5s'), 'nothing is asked over a network, and files do not wait'),
  system: z
    .strictObject({
      hostname_sources: z
        .array(hostnameSource)
        .default(['dns', 'os'])
        .describe('Where `host.name` is looked up: `dns` (the full name in the hosts file), `os`.'),
      resource_attributes: flags('system'),
    })
    .prefault({})
    .describe('The host and its operating system.'),
  container: section('container', 'Ours: the container, by its control group.'),
  kubernetes: section('kubernetes', 'Ours: the pod, by the files of its service account and the variables of the downward API.'),
  cloud: section('cloud', 'Ours: the machine of a cloud, by its firmware and cloud-init.'),
  ...Object.fromEntries([...sections].map(([section, name]) => [section, refused(...why(name))])),
  ...each(client, () => refused('nothing is asked over a network', 'leave it out')),
})
type Settings = z.infer<typeof config>
type Flags = Readonly<Record<string, { readonly enabled: boolean }>>

const create = <S extends Signal>(signal: S) => {
  return (cx: Context, settings: Settings, next: Consumer<S>): Processor<S> => {
    let found: readonly (readonly [key: string, value: Uint8Array])[] = []
    const editing = new Editing(signal, cx, next, (batch: BatchOf[S]) => {
      const changes: Change[] = []
      for (let i = 0; i < batch.resources.length; i++) {
        const list = new AttributeList(resourceHolder(batch, i))
        for (const [key, value] of found) if (settings.override || list.get(key) === undefined) list.put(key, value)
        list.changes(changes)
      }
      return changes
    })
    const detect = async () => {
      found = await detected(cx, settings)
      cx.log.info({ attributes: found.map(([key]) => key) }, 'the resource was detected')
    }
    let timer: Disposable | undefined
    return {
      reserve: (bytes, room) => editing.reserve(bytes, room),
      consume: (batch, room) => editing.consume(batch, room),
      async start() {
        await detect()
        if (settings.refresh_interval > 0) timer = every(cx.clock, settings.refresh_interval, detect)
      },
      async shutdown() {
        timer?.[Symbol.dispose]()
      },
    }
  }
}

/** What all detectors find together: the first word counts. One that fails costs only what it would have found. */
async function detected(cx: Context, settings: Settings): Promise<[string, Uint8Array][]> {
  const from = sourcesOf(cx.files)
  const all = new Map<string, Uint8Array>()
  for (const name of settings.detectors) {
    const told: Flags = name === 'env' ? {} : settings[name].resource_attributes
    const wants = (attribute: string) => told[attribute]?.enabled ?? true
    try {
      const found = await detectors[name].detect(from, wants, { hostnameSources: settings.system.hostname_sources })
      for (const [key, value] of Object.entries(found))
        if (value !== undefined && wants(key) && !all.has(key)) all.set(key, encodeValue(value))
    } catch (error) {
      cx.log.warn({ detector: name, error: error instanceof Error ? error.message : String(error) }, 'a detector failed')
    }
  }
  return [...all]
}

export default processor({
  type: 'resource_detection',
  stability: 'beta',
  config,
  parallel: () => true,
  create: { metrics: create('metrics'), traces: create('traces'), logs: create('logs') },
})
