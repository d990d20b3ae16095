import { z } from 'zod'
import { type Consumer, type Context, type Processor, processor } from '../../component/component.ts'
import { choice, refused } from '../../component/settings.ts'
import type { Signal } from '../../model/signal.ts'
import { conditionText, type ErrorMode, errorModes } from '../../ottl/ask.ts'
import type { Context as Of } from '../../ottl/condition.ts'
import { attribute, checkPatterns, matchType, misplaced, properties, regexpOptions, severities } from '../../ottl/properties.ts'
import { type Checks, checksOf } from './checks.ts'
import { Filter } from './filter.ts'

const noProfiles = () => refused('there are no profiles here', 'leave it out')
const noExpr = () => refused('expr is another language', 'write conditions: metric_conditions')

/** Conditions of one context, whose name their paths may leave out. */
const conditions = (context: Of, what: string) =>
  z
    .array(conditionText({ context, among: [] }))
    .optional()
    .describe(`Conditions on ${what}: any that holds drops it. The newer words are \`*_conditions\`.`)

/** The innermost first. */
const among = {
  traces: ['spanevent', 'span', 'scope', 'resource'],
  metrics: ['datapoint', 'metric', 'scope', 'resource'],
  logs: ['log', 'scope', 'resource'],
} as const satisfies Record<Signal, readonly Of[]>

const errorMode = () => z.enum(errorModes)

const group = (contexts: readonly [Of, ...Of[]]) =>
  z
    .strictObject({
      context: z
        .enum(contexts)
        .optional()
        .describe('Where the conditions are asked. Without it each is asked where its paths say: the innermost of them.'),
      error_mode: errorMode().optional().describe('For these conditions, instead of the one above.'),
      conditions: z.array(z.string()).min(1).describe('Any that holds drops what it was asked of.'),
    })
    .superRefine((given, ctx) => {
      const check = conditionText(given.context === undefined ? { among: contexts } : { context: given.context, among: contexts })
      for (const [i, text] of given.conditions.entries()) {
        const [issue] = check.safeParse(text).error?.issues ?? []
        if (issue?.code === 'custom')
          ctx.addIssue({ code: 'custom', path: ['conditions', i], message: issue.message, params: issue.params })
      }
    })

const flat = (signal: Signal) => {
  const contexts = among[signal] as readonly [Of, ...Of[]]
  return z
    .array(z.union([conditionText({ among: contexts }), group(contexts as readonly [Of, ...Of[]])]))
    .superRefine((list, ctx) => {
      const styles = new Set(list.map(item => typeof item))
      if (styles.size > 1) ctx.addIssue({ code: 'custom', message: 'must be conditions, or groups of them, not both' })
    })
    .optional()
    .describe(
      `Conditions, each path of which begins with its context (${contexts.join(', ')}); or groups of them. Any that holds drops what it was asked of.`,
    )
}

const metricProperties = z
  .strictObject({
    match_type: choice(['strict', 'regexp'], { expr: ['expr is another language', 'write conditions: metric_conditions'] }).describe(
      'How texts are compared: `strict`, or as a pattern (`regexp`).',
    ),
    regexp: regexpOptions(),
    metric_names: z.array(z.string()).optional().describe("One of these is the metric's name."),
    expressions: noExpr(),
    resource_attributes: z.array(attribute()).optional().describe('Attributes of the resource that must all be there.'),
  })
  .superRefine((given, ctx) => checkPatterns(given, ctx))

const logProperties = z
  .strictObject({
    match_type: matchType(),
    resource_attributes: z.array(attribute()).optional().describe('Attributes of the resource that must all be there.'),
    record_attributes: z.array(attribute()).optional().describe('Attributes of the record that must all be there.'),
    severity_texts: z.array(z.string()).optional().describe('One of these is the severity text.'),
    severity_number: z
      .strictObject({
        min: z
          .union([z.string(), z.int()])
          .transform((word, ctx) => {
            const number = typeof word === 'number' ? word : /^\d+$/.test(word) ? Number(word) : severities.indexOf(word.toUpperCase()) + 1
            if (number >= 1 && number <= 24) return number
            ctx.addIssue({ code: 'custom', message: 'must be a severity such as INFO, ERROR2, or a number from 1 to 24' })
            return z.NEVER
          })
          .describe('The lowest severity that matches: `INFO`, `error2`, `17`.'),
        match_undefined: z.boolean().default(false).describe('Whether records without a severity match.'),
      })
      .optional()
      .describe('How severe at least.'),
    bodies: z.array(z.string()).optional().describe('One of these is the body, as text.'),
  })
  .superRefine((given, ctx) => checkPatterns(given, ctx))

const spanProperties = () =>
  properties().superRefine((given, ctx) => {
    const wrong = misplaced(given, 'traces')
    if (wrong !== undefined) ctx.addIssue({ code: 'custom', message: wrong })
  })

const include = 'What passes; all else is dropped.'
const exclude = 'What is dropped of that.'

/** Of two ways to say what is dropped, a file may use one for each signal. */
const clashes = [
  ['trace_conditions', ['traces']],
  ['metric_conditions', ['metrics']],
  ['log_conditions', ['logs']],
] as const

const config = z
  .strictObject({
    error_mode: errorMode()
      .default('ignore' satisfies ErrorMode)
      .describe(
        'When a condition cannot be evaluated: with `ignore` (which logs) and `silent` it does not hold; `propagate` refuses the batch.',
      ),
    trace_conditions: flat('traces'),
    metric_conditions: flat('metrics'),
    log_conditions: flat('logs'),
    profile_conditions: noProfiles(),
    traces: z
      .strictObject({
        resource: conditions('resource', 'a resource'),
        span: conditions('span', 'a span'),
        spanevent: conditions('spanevent', "a span's event"),
      })
      .optional()
      .describe('The older way, for spans.'),
    metrics: z
      .strictObject({
        resource: conditions('resource', 'a resource'),
        metric: conditions('metric', 'a metric'),
        datapoint: conditions('datapoint', 'a data point'),
        include: metricProperties.optional().describe(include),
        exclude: metricProperties.optional().describe(exclude),
        regexp: regexpOptions(),
      })
      .superRefine((given, ctx) => {
        if ((given.include ?? given.exclude) !== undefined && (given.resource ?? given.metric ?? given.datapoint) !== undefined)
          ctx.addIssue({ code: 'custom', message: 'must not have conditions beside include and exclude' })
      })
      .optional()
      .describe('The older way, for metrics.'),
    logs: z
      .strictObject({
        resource: conditions('resource', 'a resource'),
        log_record: conditions('log', 'a log record'),
        include: logProperties.optional().describe(include),
        exclude: logProperties.optional().describe(exclude),
      })
      .superRefine((given, ctx) => {
        if ((given.include ?? given.exclude) !== undefined && (given.resource ?? given.log_record) !== undefined)
          ctx.addIssue({ code: 'custom', message: 'must not have conditions beside include and exclude' })
      })
      .optional()
      .describe('The older way, for log records.'),
    spans: z
      .strictObject({ include: spanProperties().optional().describe(include), exclude: spanProperties().optional().describe(exclude) })
      .optional()
      .describe('The oldest way, for spans.'),
    profiles: noProfiles(),
  })
  .superRefine((given, ctx) => {
    for (const [newer, older] of clashes) {
      const clash = older.find(key => given[newer] !== undefined && given[key] !== undefined)
      if (clash !== undefined) ctx.addIssue({ code: 'custom', path: [newer], message: `must not be given beside ${clash}` })
    }
    if (given.spans !== undefined && given.traces !== undefined)
      ctx.addIssue({ code: 'custom', path: ['spans'], message: 'must not be given beside traces' })
  })
export type Settings = z.infer<typeof config>

const create = <S extends Signal>(signal: S) => {
  return (cx: Context, settings: Settings, next: Consumer<S>): Processor<S> => {
    const checks: Checks = checksOf(signal, settings, among[signal], cx)
    return new Filter(signal, cx, checks, next)
  }
}

export default processor({
  type: 'filter',
  stability: 'beta',
  config,
  parallel: () => true,
  create: { metrics: create('metrics'), traces: create('traces'), logs: create('logs') },
})
