/** Who can tell what about where this process runs. Each reads files only: nothing is asked over a network. */
import type { Files } from '../../component/component.ts'
import type { AttributeValue } from '../../model/dictionary.ts'

export type Found = Readonly<Record<string, AttributeValue | undefined>>

/** What a detector may read. */
export interface Sources {
  /** the text of a file without blanks around it; undefined where it cannot be read, or is empty */
  read(path: string): Promise<string | undefined>
  list(path: string): Promise<readonly string[]>
  /** a variable of the environment in which the process was started */
  env(name: string): Promise<string | undefined>
}

export function sourcesOf(files: Pick<Files, 'read' | 'list'>): Sources {
  const read = (path: string) =>
    files.read(path).then(
      bytes => Buffer.from(bytes).toString().trim() || undefined,
      () => undefined,
    )
  let environment: Promise<ReadonlyMap<string, string>> | undefined
  const all = () =>
    read('/proc/self/environ').then(
      text => new Map((text ?? '').split('\0').map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const)),
    )
  return {
    read,
    list: path => files.list(path).catch(() => []),
    env: async name => (await (environment ??= all())).get(name)?.trim() || undefined,
  }
}

/** A detector: the attributes that it may find, and whether each is told unless it is asked for. */
export interface Detector {
  readonly attributes: Readonly<Record<string, boolean>>
  /** @throws where what it reads makes no sense; the message is logged */
  detect(from: Sources, wants: (attribute: string) => boolean, settings: { readonly hostnameSources: readonly string[] }): Promise<Found>
}

export const detectors = {
  /** `OTEL_RESOURCE_ATTRIBUTES` */
  env: {
    attributes: {},
    async detect(from) {
      const text = (await from.env('OTEL_RESOURCE_ATTRIBUTES')) ?? (await from.env('OTEL_RESOURCE'))
      return text === undefined ? {} : Object.fromEntries(text.split(',').map(pair))
    },
  },

  system: {
    attributes: {
      'host.name': true,
      'host.arch': false,
      'host.id': false,
      'host.ip': false,
      'host.mac': false,
      'host.interface': false,
      'host.cpu.vendor.id': false,
      'host.cpu.family': false,
      'host.cpu.model.id': false,
      'host.cpu.model.name': false,
      'host.cpu.stepping': false,
      'host.cpu.cache.l2.size': false,
      'os.type': true,
      'os.name': false,
      'os.version': false,
      'os.description': false,
      'os.build.id': false,
    },
    async detect(from, wants, { hostnameSources }) {
      const release = fields((await from.read('/etc/os-release')) ?? '', /^(\w+)="?(.*?)"?$/)
      const cpu = fields(((await from.read('/proc/cpuinfo')) ?? '').split('\n\n')[0]!, /^([^:]+?)\s*:\s*(.*)$/)
      const kernel = await from.read('/proc/sys/kernel/osrelease')
      const interfaces = wants('host.interface') || wants('host.mac') ? (await from.list('/sys/class/net')).toSorted() : []
      const cache = Number.parseInt(cpu.get('cache size') ?? '', 10)
      return {
        'host.name': await hostName(from, hostnameSources),
        'host.arch': architectures[(await from.read('/proc/sys/kernel/arch')) ?? ''],
        'host.id': (await from.read('/etc/machine-id')) ?? (await from.read('/var/lib/dbus/machine-id')),
        'host.ip': wants('host.ip') ? unlessEmpty(await addresses(from)) : undefined,
        'host.mac': wants('host.mac') ? unlessEmpty(await macs(from, interfaces)) : undefined,
        'host.interface': unlessEmpty(interfaces),
        'host.cpu.vendor.id': cpu.get('vendor_id'),
        'host.cpu.family': cpu.get('cpu family'),
        'host.cpu.model.id': cpu.get('model'),
        'host.cpu.model.name': cpu.get('model name'),
        'host.cpu.stepping': cpu.get('stepping'),
        'host.cpu.cache.l2.size': Number.isNaN(cache) ? undefined : cache,
        'os.type': kernel === undefined ? undefined : 'linux',
        'os.name': release.get('NAME'),
        'os.version': release.get('VERSION_ID'),
        'os.description': [release.get('PRETTY_NAME'), kernel && `(Linux ${kernel})`].filter(Boolean).join(' ') || undefined,
        'os.build.id': release.get('BUILD_ID') ?? kernel,
      }
    },
  },

  /** Ours: the container's id, from what the kernel tells of its control group and mounts. */
  container: {
    attributes: { 'container.id': true },
    async detect(from) {
      const id = /[/-]([0-9a-f]{64})(?:\.scope)?(?:\/|$)/m
      const group = id.exec((await from.read('/proc/self/cgroup')) ?? '')
      const mount = /\/containers\/([0-9a-f]{64})\/|\/sandboxes\/([0-9a-f]{64})\//.exec((await from.read('/proc/self/mountinfo')) ?? '')
      return { 'container.id': group?.[1] ?? mount?.[1] ?? mount?.[2] }
    },
  },

  /** Ours: the files of the service account, and the variables that a pod's manifest sets from the downward API. */
  kubernetes: {
    attributes: {
      'k8s.namespace.name': true,
      'k8s.pod.name': true,
      'k8s.pod.uid': true,
      'k8s.node.name': true,
      'k8s.container.name': true,
      'k8s.cluster.name': true,
    },
    async detect(from) {
      const first = async (...names: string[]) => {
        for (const name of names) {
          const value = await from.env(name)
          if (value !== undefined) return value
        }
        return undefined
      }
      const account = await from.read('/var/run/secrets/kubernetes.io/serviceaccount/namespace')
      const within = account !== undefined || (await from.env('KUBERNETES_SERVICE_HOST')) !== undefined
      if (!within) return {}
      return {
        'k8s.namespace.name': (await first('K8S_NAMESPACE_NAME', 'K8S_NAMESPACE', 'POD_NAMESPACE')) ?? account,
        // The host name of a pod is its name, unless the manifest says otherwise.
        'k8s.pod.name': (await first('K8S_POD_NAME', 'POD_NAME')) ?? (await from.read('/proc/sys/kernel/hostname')),
        'k8s.pod.uid': await first('K8S_POD_UID', 'POD_UID'),
        'k8s.node.name': await first('K8S_NODE_NAME', 'NODE_NAME'),
        'k8s.container.name': await first('K8S_CONTAINER_NAME', 'CONTAINER_NAME'),
        'k8s.cluster.name': await first('K8S_CLUSTER_NAME', 'CLUSTER_NAME'),
      }
    },
  },

  /** Ours: what the machine's firmware and cloud-init have written down. */
  cloud: {
    attributes: {
      'cloud.provider': true,
      'cloud.platform': true,
      'cloud.region': true,
      'cloud.availability_zone': true,
      'host.id': true,
      'host.type': true,
    },
    async detect(from) {
      const dmi = (name: string) => from.read(`/sys/class/dmi/id/${name}`)
      const [vendor, product, tag, chassis] = [
        await dmi('sys_vendor'),
        await dmi('product_name'),
        await dmi('board_asset_tag'),
        await dmi('chassis_asset_tag'),
      ]
      const known = clouds.find(({ is }) => is(vendor ?? '', chassis ?? ''))
      const init = parsed(await from.read('/run/cloud-init/instance-data.json'))
      const told = (name: string) => (typeof init[name] === 'string' && init[name] !== '' ? (init[name] as string) : undefined)
      const provider = known?.provider ?? cloudInitNames[told('cloud_name') ?? '']
      if (provider === undefined) return {}
      return {
        'cloud.provider': provider,
        'cloud.platform': known?.platform,
        'cloud.region': told('region'),
        'cloud.availability_zone': told('availability_zone'),
        'host.id': told('instance_id') ?? (tag?.startsWith('i-') ? tag : undefined) ?? (await from.read('/var/lib/cloud/data/instance-id')),
        'host.type': told('machine_type') ?? (provider === 'aws' ? product : undefined),
      }
    },
  },
} as const satisfies Record<string, Detector>
export type DetectorName = keyof typeof detectors

function pair(text: string): [string, string] {
  const at = text.indexOf('=')
  const key = text.slice(0, at).trim()
  if (at < 0 || key === '') throw new Error(`OTEL_RESOURCE_ATTRIBUTES: ${JSON.stringify(text)} is no key=value`)
  try {
    // A form's encoding, as in Go's url.QueryUnescape.
    return [
      key,
      decodeURIComponent(
        text
          .slice(at + 1)
          .trim()
          .replaceAll('+', ' '),
      ),
    ]
  } catch {
    throw new Error(`OTEL_RESOURCE_ATTRIBUTES: the value of ${JSON.stringify(key)} is not percent-encoded`)
  }
}

/** `os`: the kernel's. `dns`: with its domain, where the hosts file gives one. */
async function hostName(from: Sources, order: readonly string[]): Promise<string | undefined> {
  const own = await from.read('/proc/sys/kernel/hostname')
  if (own === undefined) return undefined
  for (const source of order) {
    if (source === 'os') return own
    const hosts = (await from.read('/etc/hosts')) ?? ''
    for (const line of hosts.split('\n')) {
      const [, ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
      const full = names.find(name => name.startsWith(`${own}.`) && name !== `${own}.`)
      if (full !== undefined && names.includes(own)) return full
    }
  }
  return order.includes('os') ? own : undefined
}

function fields(text: string, line: RegExp): Map<string, string> {
  return new Map(
    text.split('\n').flatMap(row => {
      const found = line.exec(row)
      return found === null || found[2] === '' ? [] : [[found[1]!, found[2]!] as const]
    }),
  )
}

const unlessEmpty = (list: readonly string[]) => (list.length === 0 ? undefined : list)

async function macs(from: Sources, interfaces: readonly string[]): Promise<string[]> {
  const found = await Promise.all(interfaces.map(name => from.read(`/sys/class/net/${name}/address`)))
  return found.flatMap(mac => (mac === undefined || /^(00:)*00$/.test(mac) ? [] : [mac.replaceAll(':', '-').toUpperCase()]))
}

/** Of the machine's own addresses those that others can use. */
async function addresses(from: Sources): Promise<string[]> {
  const trie = (await from.read('/proc/net/fib_trie')) ?? ''
  const own = [...trie.matchAll(/\|-- (\d+\.\d+\.\d+\.\d+)\n\s+\/32 host LOCAL/g)].map(([, ip]) => ip!)
  const six = ((await from.read('/proc/net/if_inet6')) ?? '').split('\n').map(line => line.split(/\s+/))
  const global = six.flatMap(([hex = '', , , scope]) => (scope === '00' || scope === '20' ? [shortened(hex)] : []))
  return [...new Set(own.filter(ip => !ip.startsWith('127.'))), ...global]
}

/** RFC 5952: without leading zeros, the longest run of zeros as `::`. */
function shortened(hex: string): string {
  const groups = (hex.match(/.{4}/g) ?? []).map(group => Number.parseInt(group, 16).toString(16))
  const runs = [...groups.join(':').matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].map(([run]) => run).toSorted((a, b) => b.length - a.length)
  return runs[0] === undefined
    ? groups.join(':')
    : groups
        .join(':')
        .replace(runs[0], ':')
        .replace(/^:(?!:)|(?<!:):$/, '::')
        .replace(':::', '::')
}

const architectures: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  aarch64: 'arm64',
  i686: 'x86',
  armv7l: 'arm32',
  ppc64le: 'ppc64',
  s390x: 's390x',
}

const clouds: readonly { provider: string; platform: string; is: (vendor: string, chassis: string) => boolean }[] = [
  { provider: 'aws', platform: 'aws_ec2', is: vendor => vendor === 'Amazon EC2' },
  { provider: 'gcp', platform: 'gcp_compute_engine', is: vendor => vendor === 'Google' },
  // Azure's own machines and others of the same maker are told apart by this number.
  {
    provider: 'azure',
    platform: 'azure.vm',
    is: (vendor, chassis) => vendor === 'Microsoft Corporation' && chassis === '7783-7084-3265-9085-8269-3286-77',
  },
  { provider: 'alibaba_cloud', platform: 'alibaba_cloud_ecs', is: vendor => vendor === 'Alibaba Cloud' },
  { provider: 'digitalocean', platform: 'digitalocean_droplet', is: vendor => vendor === 'DigitalOcean' },
  { provider: 'hetzner', platform: 'hetzner.cloud_server', is: vendor => vendor === 'Hetzner' },
]
const cloudInitNames: Readonly<Record<string, string>> = {
  aws: 'aws',
  gce: 'gcp',
  azure: 'azure',
  aliyun: 'alibaba_cloud',
  digitalocean: 'digitalocean',
  hetzner: 'hetzner',
}

function parsed(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const { v1 } = JSON.parse(text ?? '{}') as { v1?: Record<string, unknown> }
    return typeof v1 === 'object' && v1 !== null ? v1 : {}
  } catch {
    return {}
  }
}
