/** Errors that cross from one thread to the other: an error that is sent is no longer of its class, so that this says which it was. */
import { ConfigFileError } from '../component/config/problems.ts'
import { ConfigError, StartError } from '../component/errors.ts'
import { ParseError } from '../promql/parse-error.ts'
import { QueryError } from '../promql/query-error.ts'

const known = { ConfigFileError, ConfigError, StartError, ParseError, QueryError } as const

export interface SentError {
  /** undefined: none that callers tell apart */
  readonly kind: keyof typeof known | undefined
  readonly message: string
  /** what the class adds to an error: problems, a remedy, a position */
  readonly fields: Readonly<Record<string, unknown>>
}

export function sent(error: unknown): SentError {
  if (!(error instanceof Error)) return { kind: undefined, message: String(error), fields: {} }
  const kinds = Object.keys(known) as (keyof typeof known)[]
  // The more special one stands first.
  const kind = kinds.find(name => error instanceof known[name])
  return { kind, message: error.message, fields: kind === undefined ? {} : Object.fromEntries(Object.entries(error)) }
}

export function received({ kind, message, fields }: SentError): Error {
  const error = new Error(message)
  return kind === undefined ? error : Object.assign(Object.setPrototypeOf(error, known[kind].prototype) as Error, fields)
}
