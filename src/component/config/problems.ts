/** Everything that is wrong with the configuration files, each where it was written. */
import { ConfigError, type Problem, showProblem } from '../errors.ts'
import type { Position } from './located.ts'

export interface LocatedProblem extends Problem {
  readonly at: Position
  /** a warning that nothing need be done about: what is written is what was meant */
  readonly aside?: true
}

/** [problems] more are counted, not shown: `thalamus check` shows all */
const shown = 10

/** Nothing may start. `message` is what the user reads; `problems` has all of them, in the order of the files. */
export class ConfigFileError extends ConfigError {
  declare readonly problems: readonly LocatedProblem[]
  constructor(problems: readonly LocatedProblem[]) {
    super(problems)
    this.message = showProblems(problems)
  }
}

/** `most`: as many are shown, and the others counted. */
export function showProblems(problems: readonly LocatedProblem[], most = shown): string {
  const lines = problems.slice(0, most).map(problem => `${showPosition(problem.at)}: ${showProblem(problem)}`)
  if (problems.length > most) lines.push(`and ${problems.length - most} more`)
  return lines.join('\n')
}

/** `file:line:column`, or the name alone where the source has no lines. */
export function showPosition({ file, line, column }: Position): string {
  return line === 0 ? file : `${file}:${line}:${column}`
}

/** By file, in the order in which they were given, then from top to bottom. */
export function inOrder(problems: readonly LocatedProblem[], files: readonly string[]): LocatedProblem[] {
  const rank = (problem: LocatedProblem) => (files.indexOf(problem.at.file) + files.length + 1) % (files.length + 1)
  return problems.toSorted((a, b) => rank(a) - rank(b) || a.at.line - b.at.line || a.at.column - b.at.column)
}
