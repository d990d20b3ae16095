/** What is known of a line. */
import type { Label } from '../../exposition/labels.ts'
import type { Owner } from './drafts.ts'
import type { Point } from './point.ts'
import type { ResourceNode, ScopeNode } from './tree.ts'

export type Role = 'value' | 'bucket' | 'sum' | 'count' | 'created' | 'target_info' | 'scope_info' | 'dropped' | 'native' | 'invalid'

export interface Entry {
  readonly role: Role
  readonly point: Point | undefined
  /** of a bucket or quantile */
  readonly bound: number
  /** of target_info and otel_scope_info: who it is about */
  readonly about: ResourceNode | ScopeNode | undefined
  readonly info: readonly Label[]
  /** as the page calls it; empty for what metric relabelling dropped */
  readonly family: string
  /** the line itself, as `Sample.key` */
  key: string
  /** stands for the family */
  owner: Owner | undefined
  /** it is known still, and what is said of its family has not changed since */
  valid: boolean
  seen: number
}

const noLabels: readonly Label[] = []

export const entryOf = (role: Role): Entry => ({
  role,
  point: undefined,
  bound: 0,
  about: undefined,
  info: noLabels,
  family: '',
  key: '',
  owner: undefined,
  valid: true,
  seen: -1,
})
