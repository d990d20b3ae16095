/** A question that has no answer. */
export class QueryError extends Error {
  override readonly name = 'QueryError'
  /** `bad_data`: the question is wrong; `execution`: it fails on these data; the others say what ended it. */
  readonly type: 'bad_data' | 'execution' | 'timeout' | 'canceled' | 'internal'
  constructor(type: QueryError['type'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.type = type
  }
}
