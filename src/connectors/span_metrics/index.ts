import { connector } from '../../component/component.ts'
import { config } from './settings.ts'
import { SpanMetrics } from './span-metrics.ts'

export default connector({
  type: 'span_metrics',
  stability: 'beta',
  config,
  create: { traces: (cx, settings, next) => new SpanMetrics(cx, settings, next.metrics) },
})
