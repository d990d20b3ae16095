import type { DerivedSample } from '../component/derived.ts'
import { Labels } from '../model/labels.ts'
import type { RecordingDefinition } from './file.ts'
import { type Evaluation, RuleError } from './rule.ts'

/** The series that a recording rule gives: what its expression gives, under its name and labels. @throws {RuleError | QueryError} */
export async function record(
  rule: RecordingDefinition,
  { query, time, queryOffset, limit }: Evaluation,
): Promise<readonly DerivedSample[]> {
  const at = time - queryOffset
  const vector = await query(rule.expr, rule.text, at)
  const keys = new Set<string>()
  const samples = vector.map(({ labels, value, histogram }) => {
    const named = Labels.of([...labels, ['__name__', rule.record], ...rule.labels])
    keys.add(named.key)
    return { labels: named, time: at, value, histogram }
  })
  if (keys.size < samples.length) throw new RuleError('vector contains metrics with the same labelset after applying rule labels')
  if (limit > 0 && samples.length > limit) throw new RuleError(`exceeded limit of ${limit} with ${samples.length} series`)
  return samples
}
