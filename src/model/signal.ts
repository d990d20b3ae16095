/** What telemetry is made of, in the words of OpenTelemetry. */
export const signals = ['metrics', 'traces', 'logs'] as const
export type Signal = (typeof signals)[number]

/** What one row of a signal is called in the Collector's own metric names and in OTLP's partial success. */
export const rowWord = { metrics: 'metric_points', traces: 'spans', logs: 'log_records' } as const satisfies Record<Signal, string>
