import { type Matcher, valueTest } from '../model/matcher.ts'
import { nodesOf } from '../promql/nodes.ts'
import type { RuleDefinition } from './file.ts'

/** Which rules of a group read what others of it give: these come after those, and what does not depend may be evaluated side by side. */

/**
 * Batches of indexes: what is in one may be evaluated at once, the batches follow one another. undefined: nothing can be said, since an
 * expression may read anything; then the rules follow one another as they stand.
 */
export function batchesOf(rules: readonly RuleDefinition[]): readonly (readonly number[])[] | undefined {
  const reads = dependenciesOf(rules)
  if (reads === undefined) return undefined
  const isRead = new Set(reads.flatMap(others => [...others]))
  const indexes = [...rules.keys()]
  const first = indexes.filter(i => reads[i]!.size === 0)
  const middle = indexes.filter(i => reads[i]!.size > 0 && isRead.has(i))
  const last = indexes.filter(i => reads[i]!.size > 0 && !isRead.has(i))
  return [first, ...middle.map(i => [i]), last].filter(batch => batch.length > 0)
}

/** Of each rule, the earlier rules that it reads. undefined: not to be told. */
export function dependenciesOf(rules: readonly RuleDefinition[]): readonly ReadonlySet<number>[] | undefined {
  const dependencies = rules.map(() => new Set<number>())
  for (const [i, { expr }] of rules.entries()) {
    for (const node of nodesOf(expr)) {
      if (node.kind !== 'vector_selector') continue
      const { matchers } = node
      const name = matchers.find(({ name }) => name === '__name__')
      // A selector without a name may read any series.
      if (name === undefined && rules.length > 1) return undefined
      if (name === undefined) continue
      const named = valueTest(name)
      for (const [j, other] of rules.slice(0, i).entries()) if (gives(other, named, matchers)) dependencies[i]!.add(j)
    }
  }
  return dependencies
}

function gives(rule: RuleDefinition, named: (name: string) => boolean, matchers: readonly Matcher[]): boolean {
  if (rule.kind === 'recording') return named(rule.record)
  if (!named('ALERTS') && !named('ALERTS_FOR_STATE')) return false
  const alertname = matchers.find(({ name }) => name === 'alertname')
  return alertname === undefined || valueTest(alertname)(rule.alert)
}
