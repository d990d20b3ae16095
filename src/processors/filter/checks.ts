/** What is asked at each level of a batch: an answer of yes drops it. */
import type { Context } from '../../component/component.ts'
import type { Signal } from '../../model/signal.ts'
import { anyOf, onValueError } from '../../ottl/ask.ts'
import { type Condition, condition, type Context as Of } from '../../ottl/condition.ts'
import { levelOf, pathOf } from '../../ottl/paths.ts'
import type { Level, Place } from '../../ottl/place.ts'
import { anyText, matches, meant, severityAtLeast, withAttributes } from '../../ottl/properties.ts'
import type { Settings } from './index.ts'

type Drops = (at: Place) => boolean

/** Undefined where nothing is asked. */
export type Checks = Readonly<Partial<Record<Level, Drops>>> & {
  /** what is asked of rows depends on their series only */
  readonly rowIdentity: boolean
}

export function checksOf(signal: Signal, settings: Settings, among: readonly Of[], cx: Context): Checks {
  const older = olderChecks(signal, settings)
  if (older !== undefined) return { ...older, rowIdentity: false }
  const groups = conditionGroups(signal, settings, among)
  const at = (level: Level): Drops | undefined => {
    const parts = groups.flatMap(({ conditions, mode }) => {
      const own = conditions.filter(one => levelOf[one.context] === level)
      return own.length === 0 ? [] : [anyOf(own, onValueError(cx, mode))]
    })
    return parts.length === 0 ? undefined : place => parts.some(part => part(place))
  }
  const rows = groups.flatMap(({ conditions }) => conditions).filter(one => levelOf[one.context] === 'row')
  const levels = { resource: at('resource'), scope: at('scope'), metric: at('metric'), row: at('row'), event: at('event') }
  const given = Object.fromEntries(Object.entries(levels).filter(([, drops]) => drops !== undefined)) as Partial<Record<Level, Drops>>
  return { ...given, rowIdentity: signal === 'metrics' && rows.every(one => one.identity) }
}

interface Group {
  readonly conditions: readonly Condition[]
  readonly mode: Settings['error_mode']
}

function conditionGroups(signal: Signal, settings: Settings, among: readonly Of[]): Group[] {
  const { error_mode: mode, traces, metrics, logs } = settings
  const flat = { traces: settings.trace_conditions, metrics: settings.metric_conditions, logs: settings.log_conditions }[signal]
  if (flat !== undefined) {
    return flat.map(item =>
      typeof item === 'string'
        ? { conditions: [condition(item, { among })], mode }
        : { conditions: item.conditions.map(text => condition(text, { context: item.context, among })), mode: item.error_mode ?? mode },
    )
  }
  const lists: readonly [Of, readonly string[] | undefined][] = {
    traces: [
      ['resource', traces?.resource],
      ['span', traces?.span],
      ['spanevent', traces?.spanevent],
    ] as [Of, string[] | undefined][],
    metrics: [
      ['resource', metrics?.resource],
      ['metric', metrics?.metric],
      ['datapoint', metrics?.datapoint],
    ] as [Of, string[] | undefined][],
    logs: [
      ['resource', logs?.resource],
      ['log', logs?.log_record],
    ] as [Of, string[] | undefined][],
  }[signal]
  return lists.map(([context, texts]) => ({ conditions: (texts ?? []).map(text => condition(text, { context, among: [] })), mode }))
}

/** `include` and `exclude`. */
function olderChecks(signal: Signal, { spans, metrics, logs }: Settings): Partial<Record<Level, Drops>> | undefined {
  if (signal === 'traces') {
    if (spans === undefined) return undefined
    const of = (given: typeof spans.include) => given && matches(given, 'traces')
    return { row: not(meant(of(spans.include), of(spans.exclude))) }
  }
  if (signal === 'logs') {
    if ((logs?.include ?? logs?.exclude) === undefined) return undefined
    return { row: not(meant(ofLog(logs?.include), ofLog(logs?.exclude))) }
  }
  if ((metrics?.include ?? metrics?.exclude) === undefined) return undefined
  const { include, exclude } = metrics!
  return {
    resource: not(meant(ofResource(include), ofResource(exclude))),
    metric: not(meant(ofMetric(include), ofMetric(exclude))),
  }
}

const not =
  (ask: Drops): Drops =>
  at =>
    !ask(at)

type MetricProperties = NonNullable<NonNullable<Settings['metrics']>['include']>

/** An empty list asks nothing. */
function ofResource(given: MetricProperties | undefined): Drops | undefined {
  if (given?.resource_attributes === undefined || given.resource_attributes.length === 0) return undefined
  return withAttributes(given.resource_attributes, given.match_type, 'resource')
}

function ofMetric(given: MetricProperties | undefined): Drops | undefined {
  if (given?.metric_names === undefined || given.metric_names.length === 0) return undefined
  const name = pathOf('metric', [{ name: 'name', keys: [], at: 0 }])!
  const fits = anyText(given.metric_names, given.match_type)
  return at => fits(name.get(at) as string)
}

type LogProperties = NonNullable<NonNullable<Settings['logs']>['include']>

function ofLog(given: LogProperties | undefined): Drops | undefined {
  if (given === undefined) return undefined
  const { match_type, resource_attributes, record_attributes, severity_texts, bodies, severity_number } = given
  const lists = [resource_attributes, record_attributes, severity_texts, bodies].filter(list => list !== undefined && list.length > 0)
  // Properties that say nothing are not there.
  if (lists.length === 0 && severity_number === undefined) return undefined
  const texts = matches(
    { match_type, log_bodies: bodies, log_severity_texts: severity_texts, attributes: record_attributes, resources: resource_attributes },
    'logs',
  )
  if (severity_number === undefined) return texts
  const severe = severityAtLeast(severity_number.min, severity_number.match_undefined)
  return at => severe(at) && texts(at)
}
