/** What of the language a statement needs: by this the figures of the suite are told apart. */
import type { Expr } from '../../src/promql/ast.ts'
import { nodesOf } from '../../src/promql/nodes.ts'
import { experimentalAggregations, signatures } from '../../src/promql/signatures.ts'
import { MemoryStorage } from '../../src/promql/testing/memory.ts'
import { load } from '../../src/promql/testing/run.ts'
import { type Evaluation, parseScript } from '../../src/promql/testing/script.ts'

export const needs = ['nothing more', 'a flag', 'native histograms'] as const
export type Need = (typeof needs)[number]

/** By line of each evaluation. */
export async function needsOf(text: string): Promise<Map<number, Need>> {
  const storage = new MemoryStorage()
  const byLine = new Map<number, Need>()
  for (const statement of parseScript(text)) {
    if (statement.kind === 'clear') storage.clear()
    if (statement.kind === 'load') load(statement, storage)
    if (statement.kind === 'eval') byLine.set(statement.line, await needOf(statement, storage))
  }
  return byLine
}

async function needOf({ expr, expected }: Evaluation, storage: MemoryStorage): Promise<Need> {
  if ([...expected.series.values()].some(({ values }) => values.histograms.some(histogram => histogram !== undefined)))
    return 'native histograms'
  let flagged = false
  for (const node of nodesOf(expr)) {
    flagged ||= isFlagged(node)
    if (node.kind !== 'vector_selector') continue
    for (const series of await storage.select(node.matchers, { from: -1e15, to: 1e15, step: 0, range: 0, func: '' })) {
      const samples = series.read()
      if (samples.histograms !== undefined) return 'native histograms'
      flagged ||= samples.start !== undefined || series.labels.has('__type__') || series.labels.has('__unit__')
    }
  }
  return flagged ? 'a flag' : 'nothing more'
}

function isFlagged(node: Expr): boolean {
  switch (node.kind) {
    case 'call':
      return signatures.get(node.func)!.experimental
    case 'aggregate':
      return experimentalAggregations.has(node.op)
    case 'binary':
      return node.op === '</' || node.op === '>/' || node.matching?.fillLeft !== undefined || node.matching?.fillRight !== undefined
    case 'vector_selector':
      return node.modifier !== undefined || typeof node.offset !== 'number'
    case 'matrix_selector':
      return typeof node.range !== 'number'
    case 'subquery':
      return [node.range, node.step ?? 0, node.offset].some(duration => typeof duration !== 'number')
    default:
      return false
  }
}
