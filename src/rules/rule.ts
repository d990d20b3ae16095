import type { RuleQuery } from './vector.ts'

/** What a rule is evaluated with. */
export interface Evaluation {
  readonly query: RuleQuery
  /** epoch ms */
  readonly time: number
  /** [ms] that queries and samples lie before that */
  readonly queryOffset: number
  /** [series or alerts]; 0: any number */
  readonly limit: number
  readonly externalUrl: string
}

export class RuleError extends Error {
  override readonly name = 'RuleError'
}
