/** The lines at start: what runs, where it listens, and what to try next. */
import type { App, Listening } from '../app.ts'
import type { LoadedConfiguration } from '../component/config.ts'
import { type Signal, signals } from '../model/signal.ts'

export function greeting(app: Pick<App, 'listening' | 'unheard'>, configuration: LoadedConfiguration, version: string): string[] {
  const { receives, serves } = places(app.listening)
  return [
    `thalamus ${version} runs: ${flows(app, configuration)}`,
    `  receives  ${receives}`,
    `  serves    ${serves}`,
    ...next(app.listening, configuration),
  ]
}

/** `metrics: otlp, host -> prometheus; traces, logs: dropped (no exporter; --forward URL sends them on, --store DIR keeps them)` */
function flows({ unheard }: Pick<App, 'unheard'>, { service }: LoadedConfiguration): string {
  const running = service.pipelines.map(({ id, receivers, exporters }) => `${id}: ${receivers.join(', ')} -> ${exporters.join(', ')}`)
  const hasPipeline = (signal: Signal) => service.pipelines.some(pipeline => pipeline.signal === signal)
  const dropped = signals.filter(signal => unheard.some(other => other.signal === signal) && !hasPipeline(signal))
  const lost =
    dropped.length === 0 ? [] : [`${dropped.join(', ')}: dropped (no exporter; --forward URL sends them on, --store DIR keeps them)`]
  const passedBy = unheard.filter(({ signal }) => hasPipeline(signal))
  return [...running, ...lost, ...passedBy.map(({ receiver, signal }) => `${signal} of ${receiver}: dropped (in no pipeline)`)].join('; ')
}

/** What people look at comes first: pages of exporters, then our own. An exporter may be called as a receiver is. */
function places(listening: readonly Listening[]): { receives: string; serves: string } {
  const show = (list: readonly Listening[]) => list.map(({ what, url }) => `${what} ${url}`).join(', ') || 'nothing over the network'
  return {
    receives: show(listening.filter(isReceiver)),
    serves: show([...listening.filter(isExporter), ...listening.filter(place => !isReceiver(place) && !isExporter(place))]),
  }
}

const isReceiver = ({ kind }: Listening) => kind === 'receiver'
const isExporter = ({ kind }: Listening) => kind === 'exporter'

/** What to try, to ask and to send, of what really listens. */
function next(listening: readonly Listening[], configuration: LoadedConfiguration): string[] {
  const page =
    listening.find(isExporter) ??
    listening.find(({ component }) => component === 'telemetry') ??
    listening.find(({ component }) => component === 'api')
  const api = listening.find(({ component }) => component === 'api')
  const kept = [...configuration.exporters.keys()].some(id => id.split('/')[0] === 'store')
  const http = listening.find(place => isReceiver(place) && /http/i.test(place.what))
  return [
    page === undefined
      ? ''
      : `  try       curl -s ${reachable(page)}${isExporter(page) && configuration.receivers.has('host') ? ' | grep system_cpu' : ''}`,
    api === undefined || !kept
      ? ''
      : `  ask       curl -s ${reachable(api)}/api/v1/query -d 'query=count({__name__!=""})'   # PromQL; in Grafana a data source of type Prometheus`,
    http === undefined
      ? ''
      : `  SDK       OTEL_EXPORTER_OTLP_ENDPOINT=${reachable(http)} node app.js   # any OpenTelemetry SDK, any language`,
  ].filter(line => line !== '')
}

/** Nobody connects to "all addresses". */
const reachable = ({ url }: Listening) => url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:')
