import { Labels } from '../../model/labels.ts'
import type { Expr } from '../ast.ts'
import type { WholeFunction } from '../kernel.ts'
import { ABSENT, FLOAT, type Row } from '../value.ts'
import { emptyRow } from './rows.ts'

/** absent and absent_over_time: 1 where nothing is, under the labels that what isn't there would surely have. */
export const absent: WholeFunction = {
  kind: 'whole',
  run([argument], { grid, args }) {
    const missing = emptyRow(grid, labelsOf(args[0]), true)
    missing.kind.fill(FLOAT)
    missing.value.fill(1)
    const isThere = (step: number) => {
      missing.kind[step] = ABSENT
    }
    if (argument?.type === 'vector')
      for (const { kind } of argument.rows) for (let i = 0; i < kind.length; i++) if (kind[i] !== ABSENT) isThere(i)
    if (argument?.type === 'matrix')
      for (const { lo, hi } of argument.windows) for (let i = 0; i < lo.length; i++) if (hi[i]! > lo[i]!) isThere(i)
    return missing.kind.includes(FLOAT) ? [missing as Row] : []
  },
}

/** Of a selector, the labels that a matcher `=` names and no other matcher does. */
export function labelsOf(expr: Expr | undefined): Labels {
  const selector = expr?.kind === 'matrix_selector' ? expr.selector : expr
  if (selector?.kind !== 'vector_selector') return Labels.empty
  const labels = new Map<string, string>()
  const named = new Set<string>()
  for (const { name, op, value } of selector.matchers) {
    if (name === '__name__') continue
    if (op === '=' && !named.has(name)) {
      labels.set(name, value)
      named.add(name)
    } else labels.delete(name)
  }
  return Labels.of(labels)
}
