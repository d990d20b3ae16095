import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'

export const points = ({ scopeMetrics }: ResourceMetrics): number =>
  scopeMetrics.reduce((sum, { metrics }) => sum + metrics.reduce((all, { dataPoints }) => all + dataPoints.length, 0), 0)
