/** One schema over one part of the configuration. */
import type { z } from 'zod'
import { explainAll, valueAt } from './explain.ts'
import { find, isUnresolved, type Located, type Path, plain } from './located.ts'
import type { LocatedProblem } from './problems.ts'

type Issue = z.core.$ZodIssue

/**
 * The settings as `schema` reads them, or undefined and `problems` has grown. `prefix` is where `located` hangs in the file.
 * Two things are read more kindly than they are written: nothing (`grpc:`) is the default, and a value from the environment that
 * looks like a number is a string where a string is wanted.
 */
export function check<S extends z.ZodType>(schema: S, located: Located, prefix: Path, problems: LocatedProblem[]): z.output<S> | undefined {
  let value = plain(located) ?? {}
  for (;;) {
    const result = schema.safeParse(value)
    if (result.success) return result.data
    const repaired = repair(value, result.error.issues, located)
    if (repaired === undefined) {
      problems.push(...explainAll(result.error.issues, { schema, located, prefix, value }))
      return undefined
    }
    value = repaired
  }
}

/** Every round turns at least one null or retyped value into something else, and never back: so this ends. */
function repair(value: unknown, issues: readonly Issue[], located: Located): object | undefined {
  const copy = structuredClone(value) as object
  const count = issues.filter(issue => repairOne(copy, issue, located)).length
  return count > 0 ? copy : undefined
}

function repairOne(root: object, issue: Issue, located: Located): boolean {
  const last = issue.path.at(-1)
  const parent = valueAt(root, issue.path.slice(0, -1)) as Record<PropertyKey, unknown> | undefined
  const written = find(located, issue.path as Path)?.value
  if (last === undefined || parent === undefined || written === undefined || isUnresolved(written)) return false
  const wants = wantedTypes(issue)
  if (parent[last] === null && !Array.isArray(parent)) {
    if (wants.some(type => type === 'object' || type === 'record')) parent[last] = {}
    else delete parent[last]
    return true
  }
  if (written.text !== undefined && typeof parent[last] !== 'string' && wants.includes('string')) {
    parent[last] = written.text
    return true
  }
  return false
}

function wantedTypes(issue: Issue): string[] {
  if (issue.code === 'invalid_type') return [issue.expected]
  if (issue.code === 'invalid_value') return ['string']
  if (issue.code !== 'invalid_union') return []
  return issue.errors.flatMap(branch => branch.filter(inner => inner.path.length === 0).flatMap(wantedTypes))
}
