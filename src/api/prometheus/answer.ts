/** How Prometheus's API answers: what a handler gives, what is wrong in its words, and the envelope around both. */

/** Prometheus's kinds of error, and the status each is answered with. */
export const statusOf = {
  bad_data: 400,
  not_found: 404,
  not_acceptable: 406,
  execution: 422,
  canceled: 499,
  internal: 500,
  unavailable: 503,
  timeout: 503,
} as const
export type ErrorType = keyof typeof statusOf

/** A question that is refused, or that failed. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly type: ErrorType
  /** HTTP; as `statusOf` says, but where something more exact is known */
  readonly status: number
  constructor(type: ErrorType, message: string, options: ErrorOptions & { status?: number } = {}) {
    super(message, options)
    this.type = type
    this.status = options.status ?? statusOf[type]
  }
}

export const badData = (message: string): ApiError => new ApiError('bad_data', message)
export const invalidParameter = (name: string, why: string): ApiError => badData(`invalid parameter ${JSON.stringify(name)}: ${why}`)

/** What a question came to. */
export interface Answer {
  /** as JSON can say it; undefined where there are pieces, and where there is nothing to say (204) */
  readonly data: unknown
  /** the JSON of it, where it is long */
  readonly pieces?: Iterable<Uint8Array | string>
  readonly warnings?: readonly string[]
  readonly infos?: readonly string[]
}

/** A byte that is no UTF-8, which PromQL can make (`"\\xff"`) and JSON cannot tell, is a replacement character. */
export const textJson = (text: string): string => JSON.stringify(text.toWellFormed())

/** How many of each kind are told; the rest is a number. */
const mostTold = 10

/** The members after `data`, each with its comma. */
export function closing({ warnings = [], infos = [] }: Omit<Answer, 'data'>): string {
  return `${member('warnings', told(warnings, 'warning'))}${member('infos', told(infos, 'info'))}`
}

const member = (name: string, texts: readonly string[]): string => (texts.length === 0 ? '' : `,"${name}":[${texts.map(textJson).join()}]`)

function told(texts: readonly string[], kind: 'warning' | 'info'): readonly string[] {
  const more = texts.length - mostTold
  return more <= 0 ? texts : [...texts.slice(0, mostTold), `${more} more ${kind} annotations omitted`]
}

export const refusal = ({ type, message }: ApiError): string =>
  JSON.stringify({ status: 'error', errorType: type, error: message.toWellFormed() })
