/** `--set key.path=value`, or `key::path=value`: a source of one value, merged after all files. The value is YAML. */

import type { Located, Position } from './located.ts'
import type { LocatedProblem } from './problems.ts'
import { readSource } from './source.ts'

export const setName = '--set'
const nowhere: Position = { file: setName, line: 0, column: 0 }

export function readOverride(text: string, problems: LocatedProblem[]): Located | undefined {
  const at = text.indexOf('=')
  const key = at < 0 ? text : text.slice(0, at)
  const path = key.includes('::') ? key.split('::') : key.split('.')
  if (at < 0 || path.some(step => step.trim() === '')) {
    problems.push({
      at: nowhere,
      path: [],
      message: `must be "key.path=value", got ${JSON.stringify(at < 0 ? key : `${key}=…`)}`,
      remedy: 'for example --set processors.batch.timeout=5s',
    })
    return undefined
  }
  const found: LocatedProblem[] = []
  const value = readSource({ name: setName, text: text.slice(at + 1) }, found) ?? { is: 'scalar', at: nowhere, value: null }
  if (found.length > 0) {
    problems.push(...found.map(problem => ({ ...problem, at: nowhere, path: [...path, ...problem.path] })))
    return undefined
  }
  return path.reduceRight<Located>(
    (inner, step) => ({ is: 'map', at: nowhere, entries: new Map([[step.trim(), { keyAt: nowhere, value: inner }]]) }),
    unplaced(value),
  )
}

function unplaced(located: Located): Located {
  if (located.is === 'scalar') return { ...located, at: nowhere }
  if (located.is === 'list') return { is: 'list', at: nowhere, items: located.items.map(unplaced) }
  const entries = [...located.entries].map(([key, entry]) => [key, { keyAt: nowhere, value: unplaced(entry.value) }] as const)
  return { is: 'map', at: nowhere, entries: new Map(entries) }
}
