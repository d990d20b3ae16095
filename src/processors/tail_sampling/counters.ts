import type { Context } from '../../component/component.ts'
import type { Verdict } from './held.ts'

type Decided = Exclude<Verdict, 'undecided'>
const decided = {
  sampled: { sampled: 'true', decision: 'sampled' },
  not_sampled: { sampled: 'false', decision: 'not_sampled' },
  dropped: { sampled: 'false', decision: 'dropped' },
} as const satisfies Record<Decided, object>

/** What is counted, named as in the Collector. */
export class Counters {
  readonly #add: (name: string, value: number, attributes?: Record<string, string>) => void
  readonly #record: (name: string, value: number) => void
  readonly #prefix: string

  /** @param onMemory how many traces are known */
  constructor({ meter, id }: Context, onMemory: () => number) {
    const counters = Object.fromEntries(
      Object.entries(sums).map(([name, [description, unit]]) => [
        name,
        meter.createCounter(`otelcol_processor_tail_sampling_${name}`, { description, unit }),
      ]),
    )
    const measured = Object.fromEntries(
      Object.entries(histograms).map(([name, [description, unit, boundaries]]) => [
        name,
        meter.createHistogram(`otelcol_processor_tail_sampling_${name}`, {
          description,
          unit,
          advice: { explicitBucketBoundaries: boundaries },
        }),
      ]),
    )
    meter
      .createObservableGauge('otelcol_processor_tail_sampling_sampling_traces_on_memory', {
        description: 'Traces that are known at this moment.',
        unit: '{traces}',
      })
      .addCallback(result => result.observe(onMemory()))
    this.#add = (name, value, attributes) => {
      if (value > 0) counters[name]!.add(value, attributes)
    }
    this.#record = (name, value) => measured[name]!.record(value)
    this.#prefix = id.includes('/') ? `${id.slice(id.indexOf('/') + 1)}.` : ''
  }

  newTraces(count: number): void {
    this.#add('new_trace_id_received', count)
  }
  decided(verdict: Decided, traces: number): void {
    this.#add('global_count_traces_sampled', traces, decided[verdict])
  }
  ofPolicy(name: string, answers: Readonly<Record<Decided, number>>, asked: number, us: number): void {
    const policy = this.#prefix + name
    for (const [answer, traces] of Object.entries(answers)) {
      this.#add('count_traces_sampled', traces, { policy, ...decided[answer as Decided] })
    }
    this.#add('sampling_policy_execution_count', asked, { policy })
    this.#add('sampling_policy_execution_time_sum', Math.round(us), { policy })
  }
  errors(count: number): void {
    this.#add('sampling_policy_evaluation_error', count)
  }
  /** Late spans, by what a cache remembers of their trace. */
  early(sampled: boolean, spans: number): void {
    this.#add('early_releases_from_cache_decision', spans, { sampled: String(sampled) })
  }
  droppedTooEarly(traces: number): void {
    this.#add('sampling_trace_dropped_too_early', traces)
  }
  tooLarge(): void {
    this.#add('traces_dropped_too_large', 1)
  }
  tick(ms: number): void {
    this.#record('sampling_decision_timer_latency', ms)
  }
  lateSpans(ageMs: number): void {
    this.#record('sampling_late_span_age', Math.trunc(ageMs / 1000))
  }
  removed(ageMs: number): void {
    this.#record('sampling_trace_removal_age', Math.trunc(ageMs / 1000))
  }
}

const sums: Readonly<Record<string, readonly [description: string, unit: string]>> = {
  count_traces_sampled: ['Traces by policy and by what it said.', '{traces}'],
  early_releases_from_cache_decision: ['Spans of traces that a cache remembers, which wait no more.', '{spans}'],
  global_count_traces_sampled: ['Traces by what was decided.', '{traces}'],
  new_trace_id_received: ['Traces of which a first span came.', '{traces}'],
  sampling_policy_evaluation_error: ['Policies that could not say.', '{errors}'],
  sampling_policy_execution_count: ['How often a policy was asked.', '{executions}'],
  sampling_policy_execution_time_sum: ['How long policies took.', 'µs'],
  sampling_trace_dropped_too_early: ['Traces that went before they were decided, to make room.', '{traces}'],
  traces_dropped_too_large: ['Traces that were larger than maximum_trace_size_bytes.', '{traces}'],
}
const latency = [1, 2, 5, 10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 2000, 3000, 4000, 5000, 10_000, 20_000, 30_000, 50_000]
const histograms: Readonly<Record<string, readonly [description: string, unit: string, boundaries: number[]]>> = {
  sampling_decision_timer_latency: ['How long the decisions of one tick took.', 'ms', latency],
  sampling_late_span_age: ['How long after the decision a span came.', 's', [...latency]],
  sampling_trace_removal_age: ['How long a trace was known.', 's', [...latency]],
}
