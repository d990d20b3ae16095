/** Scrapes Prometheus targets: the Collector's frame around Prometheus' own configuration. */
import { receiver } from '../../component/component.ts'
import { PrometheusReceiver } from './receiver.ts'
import { config } from './settings.ts'

export default receiver({
  type: 'prometheus',
  stability: 'beta',
  config,
  signals: ['metrics'],
  create: (cx, settings, next) => new PrometheusReceiver(cx, settings, next.metrics),
})
