/** From what discovery found to what is scraped: labels, address, and when. */
import type { Label } from '../../exposition/labels.ts'
import type { Relabelling } from '../../exposition/relabel.ts'
import { parseDuration, showDuration } from '../../lib/duration.ts'
import type { TargetLabels } from './first-sight.ts'

/** What discovery says of one target. */
export interface Found {
  /** `__address__` among them */
  readonly labels: Readonly<Record<string, string>>
}

export interface TargetDefaults {
  readonly job: string
  /** [ms] */
  readonly interval: number
  readonly timeout: number
  readonly metricsPath: string
  readonly scheme: string
  readonly params: Readonly<Record<string, readonly string[]>>
  readonly relabelling: Relabelling
  readonly native: boolean
  readonly classic: boolean
}

export interface Target extends TargetLabels {
  /** two of one key are one target */
  readonly key: string
  readonly url: string
  /** before relabelling */
  readonly discovered: readonly Label[]
  /** [ms] */
  readonly interval: number
  readonly timeout: number
  readonly native: boolean
  readonly classic: boolean
}

/** What relabelling leaves out. */
export interface Dropped {
  readonly dropped: ReadonlyMap<string, string>
}

/** @returns a text where it cannot be scraped */
export function targetOf(found: Found, defaults: TargetDefaults): Target | Dropped | string {
  const labels = discovered(found, defaults)
  const before = new Map(labels)
  if (!defaults.relabelling.apply(labels)) return { dropped: before }
  const address = labels.get('__address__') ?? ''
  if (address === '') return 'there is no __address__'
  if (address.includes('/')) return `${JSON.stringify(address)} is no address: it must be host:port, without a path`
  const interval = parseDuration(labels.get('__scrape_interval__') ?? '') ?? 0
  const timeout = parseDuration(labels.get('__scrape_timeout__') ?? '') ?? 0
  if (!(interval > 0) || !(timeout > 0)) return 'its interval or timeout is no duration above 0'
  if (timeout > interval) return 'its timeout is longer than its interval'
  for (const label of [...labels.keys()]) if (label.startsWith('__meta_')) labels.delete(label)
  if (!labels.has('instance')) labels.set('instance', address)
  const url = urlOf(labels, address, defaults)
  if (url === undefined) return `${JSON.stringify(address)} makes no address that can be asked`
  const open: Label[] = [...labels].filter(([label]) => !label.startsWith('__')).sort(([a], [b]) => (a < b ? -1 : 1))
  const is = (label: string, otherwise: boolean) => (labels.has(label) ? labels.get(label) === 'true' : otherwise)
  return {
    key: JSON.stringify([open, url, interval, timeout]),
    url,
    discovered: [...before],
    labels: open,
    job: labels.get('job') ?? '',
    instance: labels.get('instance')!,
    attributes: [['url.scheme', before.get('__scheme__') ?? ''], ...kubernetes(before)],
    interval,
    timeout,
    native: is('__scrape_native_histograms__', defaults.native),
    classic: is('__always_scrape_classic_histograms__', defaults.classic),
  }
}

/** In words if they are exact. */
const shown = (ms: number): string => (parseDuration(showDuration(ms)) === ms ? showDuration(ms) : `${ms}ms`)

function discovered({ labels: found }: Found, defaults: TargetDefaults): Map<string, string> {
  const labels = new Map<string, string>()
  const add = (name: string, value: string) => {
    if (value !== '' && !labels.has(name)) labels.set(name, value)
  }
  for (const [name, value] of Object.entries(found)) add(name, value)
  add('job', defaults.job)
  add('__scrape_interval__', shown(defaults.interval))
  add('__scrape_timeout__', shown(defaults.timeout))
  add('__metrics_path__', defaults.metricsPath)
  add('__scheme__', defaults.scheme)
  add('__scrape_native_histograms__', String(defaults.native))
  add('__always_scrape_classic_histograms__', String(defaults.classic))
  // Not done here; said all the same, since rules may look at it.
  add('__convert_classic_histograms_to_nhcb__', 'false')
  for (const [name, [first]] of Object.entries(defaults.params)) if (first !== undefined) add(`__param_${name}`, first)
  return labels
}

function urlOf(labels: ReadonlyMap<string, string>, address: string, { params }: TargetDefaults): string | undefined {
  const query = new Map(Object.entries(params).map(([name, values]) => [name, [...values]]))
  for (const [label, value] of labels) {
    if (!label.startsWith('__param_')) continue
    const name = label.slice('__param_'.length)
    query.set(name, [value, ...(query.get(name)?.slice(1) ?? [])])
  }
  const search = new URLSearchParams(
    [...query].sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([name, values]) => values.map((value): [string, string] => [name, value])),
  )
  const path = labels.get('__metrics_path__') ?? ''
  const text = `${labels.get('__scheme__') ?? ''}://${address}${path.startsWith('/') || path === '' ? path : `/${path}`}${search.size === 0 ? '' : `?${search}`}`
  return /^https?:\/\//.test(text) && URL.canParse(text) ? new URL(text).href : undefined
}

const kubernetesNames: Readonly<Record<string, string>> = {
  __meta_kubernetes_pod_name: 'k8s.pod.name',
  __meta_kubernetes_pod_uid: 'k8s.pod.uid',
  __meta_kubernetes_pod_container_name: 'k8s.container.name',
  __meta_kubernetes_namespace: 'k8s.namespace.name',
  __meta_kubernetes_pod_node_name: 'k8s.node.name',
  __meta_kubernetes_node_name: 'k8s.node.name',
  __meta_kubernetes_endpoint_node_name: 'k8s.node.name',
}
const controllers: Readonly<Record<string, string>> = {
  ReplicaSet: 'k8s.replicaset.name',
  DaemonSet: 'k8s.daemonset.name',
  StatefulSet: 'k8s.statefulset.name',
  Job: 'k8s.job.name',
  CronJob: 'k8s.cronjob.name',
}

/** A file or a server may pass on what Kubernetes said. */
function kubernetes(labels: ReadonlyMap<string, string>): Label[] {
  const known = Object.entries(kubernetesNames).flatMap(([label, name]): Label[] => (labels.has(label) ? [[name, labels.get(label)!]] : []))
  const controller = controllers[labels.get('__meta_kubernetes_pod_controller_kind') ?? '']
  const name = labels.get('__meta_kubernetes_pod_controller_name')
  return controller === undefined || name === undefined ? known : [...known, [controller, name]]
}

/**
 * [ms] from `now` until a target is first scraped: a place in the interval that is its own and stays the same, so that targets do
 * not crowd and a restart keeps the rhythm. FNV-1a, 64 bits, of what the target is.
 */
export function offsetOf(key: string, interval: number, now: number): number {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(key)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  const place = Number(hash % BigInt(Math.max(1, Math.round(interval))))
  const into = now % interval
  return (place - into + interval) % interval
}
