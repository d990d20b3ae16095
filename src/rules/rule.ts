import type { FloatHistogram } from '../model/float-histogram.ts'
import { Labels } from '../model/labels.ts'
import type { RuleQuery } from './vector.ts'

/** A sample that a rule has computed. */
export interface RuleSample {
  readonly labels: Labels
  /** epoch ms */
  readonly time: number
  /** 0 where it is a histogram or a stale marker */
  readonly value: number
  readonly histogram?: FloatHistogram | undefined
  /** The series ends here. */
  readonly stale?: boolean
}

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

export const labelsOf = (labels: ReadonlyMap<string, string>): Labels => Labels.of(labels)
