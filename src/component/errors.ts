/** The data is fine, the moment is not: send the same batch again, not before `retryAfterMs`. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError'
  /** 0 where the refuser gave no time */
  readonly retryAfterMs: number
  constructor(message: string, options: ErrorOptions & { retryAfterMs?: number } = {}) {
    super(message, options)
    this.retryAfterMs = options.retryAfterMs ?? 0
  }
}

/** The same batch will always fail: count it as dropped and go on. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError'
}

/** The caller did not say who they are, or is not let in: 401. */
export class UnauthenticatedError extends Error {
  override readonly name = 'UnauthenticatedError'
}

/** One thing that is wrong in a configuration, or that keeps a component from starting: where, what, and what to do. */
export interface Problem {
  /** e.g. ['receivers', 'otlp', 'protocols', 'http', 'endpoint'] */
  readonly path: readonly (string | number)[]
  /** lower case, no full stop, values as JSON: `must be at least 1, got 0` */
  readonly message: string
  /** the second line */
  readonly remedy?: string
}

/** Nothing may start. Carries every problem that was found, not only the first. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]
  constructor(problems: readonly Problem[]) {
    super(problems.map(showProblem).join('\n'))
    this.problems = problems
  }
}

export type StartErrorOptions = ErrorOptions & { remedy?: string; taken?: boolean }

/** A component cannot start: the port is taken, a file is missing, a permission is lacking. */
export class StartError extends Error {
  override readonly name = 'StartError'
  /** what to do; the second line of the message that the user sees */
  readonly remedy: string | undefined
  /** somebody else has what it needs (a port, a folder): it may be free when another has stopped */
  readonly taken: boolean
  constructor(message: string, options: StartErrorOptions = {}) {
    super(message, options)
    this.remedy = options.remedy
    this.taken = options.taken ?? false
  }
}

export function showProblem({ path, message, remedy }: Problem): string {
  const where = path.length === 0 ? '' : `${path.join('.')}: `
  return `${where}${message}${remedy === undefined ? '' : `\n  ${remedy}`}`
}
