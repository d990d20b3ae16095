/** What rules tell of themselves, by group. */
import type { Meter } from '@opentelemetry/api'
import type { Group } from './group.ts'

/** @returns what ends it */
export function measure(meter: Meter, groups: () => readonly Group[]): () => void {
  const counter = (name: string, unit: string, description: string) =>
    meter.createObservableCounter(`thalamus_rule_${name}`, { unit, description })
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableGauge(`thalamus_rule_${name}`, { unit, description })
  const evaluations = counter('evaluations', '{evaluation}', 'Evaluations of rules.')
  const failures = counter('evaluation_failures', '{evaluation}', 'Evaluations of rules that failed.')
  const iterations = counter('group_iterations', '{evaluation}', 'Evaluations of groups.')
  const missed = counter(
    'group_iterations_missed',
    '{evaluation}',
    'Evaluations of groups that were left out, because one before took too long.',
  )
  const duration = gauge('group_last_duration', 's', 'How long the last evaluation of a group took.')
  const samples = gauge('group_last_evaluation_samples', '{sample}', 'Samples that it gave.')
  const rules = gauge('group_rules', '{rule}', 'Rules of a group.')
  const all = [evaluations, failures, iterations, missed, duration, samples, rules]
  const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = result => {
    for (const group of groups()) {
      const attributes = { rule_group: group.key }
      result.observe(evaluations, group.evaluations, attributes)
      result.observe(failures, group.failures, attributes)
      result.observe(iterations, group.iterations, attributes)
      result.observe(missed, group.missed, attributes)
      result.observe(duration, group.evaluationTime / 1000, attributes)
      result.observe(samples, group.samples, attributes)
      result.observe(rules, group.rules.length, attributes)
    }
  }
  meter.addBatchObservableCallback(observe, all)
  return () => meter.removeBatchObservableCallback(observe, all)
}
