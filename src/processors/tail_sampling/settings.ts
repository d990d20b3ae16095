import { z } from 'zod'
import { choice, duration, refused, withoutEffect } from '../../component/settings.ts'
import { Re2, RegexError } from '../../lib/re2.ts'
import { conditionText } from '../../ottl/ask.ts'

export const simpleTypes = [
  ...(['always_sample', 'latency', 'numeric_attribute', 'probabilistic', 'status_code', 'string_attribute', 'rate_limiting'] as const),
  ...(['bytes_limiting', 'span_count', 'trace_state', 'boolean_attribute', 'ottl_condition', 'trace_flags'] as const),
] as const

const key = z.string().min(1).describe('The attribute, of the resource or of a span.')
const invert = z.boolean().default(false).describe('Whether a trace is kept in which nothing matches.')

/** What each simple type is set with, under its own name. */
const simple = {
  latency: z
    .strictObject({
      threshold_ms: z.int().default(0).describe('ms: traces that take as long are kept.'),
      upper_threshold_ms: z.int().min(0).default(0).describe('ms: and no longer than this; 0 is no limit.'),
    })
    .optional()
    .describe('From the earliest start to the latest end.'),
  numeric_attribute: z
    .strictObject({
      key,
      min_value: z.int().default(0).describe('The least value; 0 is none.'),
      max_value: z.int().default(0).describe('The greatest value; 0 is none.'),
      invert_match: invert,
    })
    .refine(({ min_value, max_value }) => min_value !== 0 || max_value !== 0, 'must have "min_value" or "max_value"')
    .optional()
    .describe('An integer within bounds. What is no integer counts as 0, as in the Collector.'),
  probabilistic: z
    .strictObject({
      hash_salt: z.string().default('').describe('Instances that shall decide alike have the same.'),
      sampling_percentage: z.number().min(0).default(0).describe('percent of all traces.'),
    })
    .optional()
    .describe('A share, by a hash of the trace id.'),
  status_code: z
    .strictObject({
      status_codes: z
        .array(z.enum(['OK', 'ERROR', 'UNSET']))
        .min(1)
        .describe('One of them is the status of a span.'),
    })
    .optional()
    .describe('The status of any span.'),
  string_attribute: z
    .strictObject({
      key,
      values: z.array(z.string()).default([]).describe('Texts, or patterns in RE2 syntax.'),
      enabled_regex_matching: z.boolean().default(false).describe('Whether values are patterns, found anywhere in the text.'),
      cache_max_size: z.int().min(0).default(0).describe('Texts of which it is remembered whether a pattern matches; 0 is 128.'),
      invert_match: invert,
    })
    .superRefine(({ values, enabled_regex_matching }, ctx) => {
      if (!enabled_regex_matching) return
      for (const [i, value] of values.entries()) {
        try {
          new Re2(value)
        } catch (error) {
          if (!(error instanceof RegexError)) throw error
          const message = `column ${error.at + 1}: the pattern ${error.message}`
          ctx.addIssue({ code: 'custom', path: ['values', i], message, params: { remedy: error.remedy } })
        }
      }
    })
    .optional()
    .describe('A text that is one of these.'),
  rate_limiting: z
    .strictObject({
      spans_per_second: z.int().min(0).default(0).describe('Spans per second that are kept.'),
      burst_capacity: z.int().min(0).default(0).describe('Spans at once, and of one trace, at the most; 0 is twice the rate.'),
    })
    .optional()
    .describe('As many spans as allowed.'),
  bytes_limiting: z
    .strictObject({
      bytes_per_second: z.int().min(0).default(0).describe('Bytes per second that are kept.'),
      burst_capacity: z.int().min(0).default(0).describe('Bytes at once, and of one trace, at the most; 0 is twice the rate.'),
    })
    .optional()
    .describe('As many bytes as allowed.'),
  span_count: z
    .strictObject({
      min_spans: z.int().default(0).describe('Spans of the trace at the least.'),
      max_spans: z.int().min(0).default(0).describe('Spans of the trace at the most; 0 is no limit.'),
    })
    .optional()
    .describe('How many spans the trace has.'),
  trace_state: z
    .strictObject({
      key: z.string().min(1).describe('A member of the tracestate.'),
      values: z.array(z.string()).default([]).describe('One of them is its value.'),
    })
    .optional()
    .describe('The tracestate of any span.'),
  boolean_attribute: z
    .strictObject({
      key,
      value: z.boolean().default(false).describe('The value. What is not boolean counts as false.'),
      invert_match: invert,
    })
    .optional()
    .describe('A boolean attribute.'),
  ottl_condition: z
    .strictObject({
      error_mode: z
        .enum(['ignore', 'silent', 'propagate', ''])
        .default('')
        .describe(
          'What becomes of a value that cannot be had: as if the condition did not hold (`ignore`, `silent`), or no verdict of this policy.',
        ),
      span: z
        .array(conditionText({ among: ['span', 'scope', 'resource'] }))
        .default([])
        .describe('Conditions on spans.'),
      spanevent: z
        .array(conditionText({ among: ['spanevent', 'span', 'scope', 'resource'] }))
        .default([])
        .describe('Conditions on events of spans.'),
    })
    .refine(({ span, spanevent }) => span.length + spanevent.length > 0, 'must have "span" or "spanevent"')
    .optional()
    .describe('Conditions in OTTL: any that holds.'),
}
/** Those that decide nothing without settings. */
const needsSettings = [
  'numeric_attribute',
  'status_code',
  'string_attribute',
  'trace_state',
  'boolean_attribute',
  'ottl_condition',
] as const

function complete(given: { readonly type: string }, ctx: z.core.$RefinementCtx<unknown>): void {
  const { type } = given
  if ((needsSettings as readonly string[]).includes(type) && (given as Record<string, unknown>)[type] === undefined) {
    ctx.addIssue({ code: 'custom', path: [type], message: `must be given, since the type is ${JSON.stringify(type)}` })
  }
}

const name = z.string().min(1)
const inner = z
  .strictObject({ name: name.optional().describe('For people.'), type: z.enum(simpleTypes).describe('What decides.'), ...simple })
  .superRefine(complete)
const not = z
  .strictObject({ not_sub_policy: inner.describe('What is turned round.') })
  .optional()
  .describe('Keeps what the policy inside does not.')
const innerOrNot = z
  .strictObject({
    name: name.optional().describe('For people.'),
    type: z.enum([...simpleTypes, 'not']).describe('What decides.'),
    ...simple,
    not,
  })
  .superRefine(complete)
const and = z
  .strictObject({ and_sub_policy: z.array(innerOrNot).min(1).describe('All of them keep it.') })
  .optional()
  .describe('Keeps what all policies inside keep.')
const composite = z
  .strictObject({
    max_total_spans_per_second: z.int().min(0).default(0).describe('Spans per second that are kept.'),
    policy_order: z.array(z.string()).default([]).describe('In which order they are asked; the first that keeps a trace decides.'),
    composite_sub_policy: z
      .array(
        z
          .strictObject({
            name: name.describe('What `policy_order` calls it.'),
            type: z.enum([...simpleTypes, 'and']).describe('What decides.'),
            ...simple,
            and,
          })
          .superRefine(complete),
      )
      .default([])
      .describe('The policies.'),
    rate_allocation: z
      .array(
        z.strictObject({
          policy: z.string().describe('The name of one of them.'),
          percent: z
            .int()
            .min(0)
            .default(0)
            .describe('percent of the rate that it may use; 0 is an equal share. A policy that is not here may use none.'),
        }),
      )
      .default([])
      .describe('Who may use how much of the rate.'),
  })
  .superRefine(({ policy_order, composite_sub_policy }, ctx) => {
    for (const [i, wanted] of policy_order.entries()) {
      if (composite_sub_policy.some(({ name }) => name === wanted)) continue
      ctx.addIssue({
        code: 'custom',
        path: ['policy_order', i],
        message: `must be the name of a policy inside, got ${JSON.stringify(wanted)}`,
      })
    }
  })
  .optional()
  .describe('Several policies that share a rate.')
const drop = z
  .strictObject({ drop_sub_policy: z.array(innerOrNot).min(1).describe('All of them would keep it.') })
  .optional()
  .describe('Drops what all policies inside would keep, whatever others say.')

const policy = z
  .strictObject({
    name: name.describe('For counters.'),
    type: z.enum([...simpleTypes, 'composite', 'and', 'not', 'drop']).describe('What decides.'),
    ...simple,
    composite,
    and,
    not,
    drop,
  })
  .superRefine((given, ctx) => {
    complete(given, ctx)
    const { type } = given
    if ((type === 'composite' || type === 'and' || type === 'not' || type === 'drop') && given[type] === undefined) {
      ctx.addIssue({ code: 'custom', path: [type], message: `must be given, since the type is ${JSON.stringify(type)}` })
    }
  })

export const config = z.strictObject({
  policies: z
    .array(policy)
    .default([])
    .superRefine((list, ctx) => {
      for (const [i, { name }] of list.entries()) {
        if (list.findIndex(other => other.name === name) < i) {
          ctx.addIssue({ code: 'custom', path: [i, 'name'], message: `must be the name of one policy only, got ${JSON.stringify(name)}` })
        }
      }
    })
    .describe('A trace is kept if any of them keeps it and none drops it.'),
  decision_wait: duration({ min: 1 }).prefault('30s').describe('How long after its first span a trace is decided, in whole seconds.'),
  decision_wait_after_root_received: duration()
    .prefault('0s')
    .describe('How long after its root span it is decided, if that is earlier; 0 is no matter.'),
  num_traces: z
    .int()
    .min(1)
    .default(50_000)
    .describe('Traces that are known at the most, decided ones included as long as no cache remembers them.'),
  block_on_overflow: z
    .boolean()
    .default(false)
    .describe('Whether senders wait when there are too many traces; otherwise the oldest is dropped, counted as `too_many_traces`.'),
  expected_new_traces_per_sec: withoutEffect(z.int().min(0).default(0), 'nothing is allocated in advance.'),
  decision_cache: z
    .strictObject({
      sampled_cache_size: z
        .int()
        .min(0)
        .default(0)
        .describe('Ids of traces that were kept, so that late spans are kept too; 0 is no cache.'),
      non_sampled_cache_size: z.int().min(0).default(0).describe('Ids of traces that were not; 0 is no cache.'),
    })
    .prefault({})
    .describe('What is remembered of traces once they are decided.'),
  sample_on_first_match: z.boolean().default(false).describe('Whether the first policy that keeps a trace ends the asking.'),
  sampling_strategy: choice(['trace-complete'], {
    'span-ingest': ['traces are decided when they are complete', 'leave it out, and lower decision_wait for earlier decisions'],
  })
    .default('trace-complete')
    .describe('When a trace is decided.'),
  drop_pending_traces_on_shutdown: z
    .boolean()
    .default(false)
    .describe('Whether a shutdown drops what is undecided; otherwise it is decided then, on the spans that are there.'),
  maximum_trace_size_bytes: z.int().min(0).default(0).describe('Larger traces are not kept, and let go at once; 0 is no limit.'),
  tail_storage: refused('spans are held in memory', 'leave it out'),
})
export type Settings = z.infer<typeof config>
export type PolicySettings = Settings['policies'][number]
export type InnerSettings = NonNullable<NonNullable<PolicySettings['and']>['and_sub_policy'][number]>
