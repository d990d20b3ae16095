/** Where Thalamus answers otherwise than Prometheus, and why it may. */
import type { Answered } from './answers.ts'

interface Accepted {
  readonly why: string
  /** the request, as it is shown */
  readonly asked: RegExp
  readonly when?: (theirs: Answered, ours: Answered) => boolean
}

const status = (theirs: number, ours: number) => (a: Answered, b: Answered) => a.status === theirs && b.status === ours

export const accepted: readonly Accepted[] = [
  {
    why: 'A time beyond what milliseconds since 1970 can tell is refused; Prometheus lets it overflow into a time that nobody meant.',
    asked: /(time|start|end)=(NaN|-?Inf|1e30|9223372036854775807|9007199254740993)\b/,
    when: status(200, 400),
  },
  {
    why: 'Years before 1678 and after 2262 are what they are; in Prometheus their nanoseconds overflow.',
    asked: /(time|start|end)=(0001-01-01|-292273086|292277025)/,
  },
  {
    why: 'A query without time times out as such, with 503; Prometheus answers one of three errors, as chance has it.',
    asked: /timeout=(0|0s|-1|-1s|1e-10|NaN|250ms|1ms)$/,
    when: (_, ours) => ours.body.includes('"errorType":"timeout"'),
  },
  {
    why: 'A form that cannot be read is an error; Prometheus leaves out what it cannot read, and answers another question.',
    asked: /%(zz|ff)?$|%zz|\?query=up;/,
    when: (_, ours) => ours.status === 400,
  },
  { why: 'What is not there is told with what is.', asked: /^\w+ (nothing|query\/x?|\/api|\/api\/v2\/query\?query=1|)$/ },
  {
    why: 'Paths are what they are: nothing is cleaned, and nobody is sent elsewhere.',
    asked: /^GET label\/(\/values|job\/values\/|a%2Fb\/values)$/,
  },
  { why: 'Who may not ask so is told 405, with less text.', asked: /^GET (read|write)$/, when: status(405, 405) },
  {
    why: 'There are no CORS headers to ask for: OPTIONS tells the methods, with 204 everywhere.',
    asked: /^OPTIONS \/federate$/,
    when: status(200, 204),
  },
  { why: 'Answers are compressed by gzip only, and for whoever takes anything.', asked: /"accept-encoding":"(deflate|\*)"/ },
  {
    why: 'Label names and values in a span of time are those of series with samples in it; Prometheus takes whole blocks.',
    asked: /(label\/\w+\/values|labels).*start=\d/,
    when: (theirs, ours) => within(ours, theirs),
  },
  {
    why: 'What is scraped has resource attributes, which target_info tells.',
    asked: /^\w+ (labels|series|\/federate)/,
    when: (theirs, ours) => /server_port|target_info/.test(ours.body) && !/server_port|target_info/.test(theirs.body),
  },
  {
    why: 'Bounds of classic histograms are written as Prometheus writes those of OTLP ("1"), not as it does scraped ones ("1.0").',
    asked: /^GET label\/le\/values$|query_exemplars|^\w+ (series|\/federate)/,
    when: (theirs, ours) => theirs.body.includes('1.0') && ours.body.replace(/"1"/g, '"1.0"') !== ours.body,
  },
  {
    why: 'Metadata is kept of what is stored, whoever sent it: under the names that series have, for series that Prometheus makes of a scrape too, and where there is something to tell.',
    asked: /^GET metadata/,
    when: (theirs, ours) => theirs.status === 200 && ours.status === 200 && familiesAgree(theirs, ours),
  },
  {
    why: 'What a target tells of its families is not kept by target: /metadata has it.',
    asked: /^GET targets\/metadata/,
    when: (_, ours) => ours.status === 404,
  },
  {
    why: 'There is no web page that would be asked for how relabelling went.',
    asked: /^GET targets\/relabel_steps/,
    when: (_, ours) => ours.status === 404,
  },
  {
    why: 'It is about this server.',
    asked: /^GET (status\/(buildinfo|runtimeinfo|config|flags|tsdb)|\/-\/(healthy|ready))/,
    when: status(200, 200),
  },
  {
    why: 'Blocks, metrics of its own, features and its description are told elsewhere, or in no such form.',
    asked: /^GET (status\/tsdb\/blocks|status\/self_metrics|features|openapi\.yaml|\/metrics)$/,
    when: status(200, 404),
  },
  {
    why: 'Nothing is deleted or searched over HTTP; with Prometheus both are turned off unless asked for.',
    asked: /^(POST admin|GET search)\//,
    when: status(500, 404),
  },
]

/** Of families that both know the same is told. */
function familiesAgree(a: Answered, b: Answered): boolean {
  const [x, y] = [a, b].map(
    ({ body }) => (JSON.parse(body) as { data: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>> }).data,
  )
  const told = (list: readonly Readonly<Record<string, string>>[]) => list.map(({ type, help, unit }) => `${type} ${unit} ${help}`).join()
  return Object.entries(x!).every(([family, list]) => y![family] === undefined || told(y![family]) === told(list))
}

function within(small: Answered, large: Answered): boolean {
  const [a, b] = [small, large].map(({ body }) => (JSON.parse(body) as { data?: readonly string[] }).data ?? [])
  return a!.every(one => b!.includes(one))
}

/** @returns why; undefined where it may not differ */
export const acceptedOf = (asked: string, theirs: Answered, ours: Answered): string | undefined =>
  accepted.find(one => one.asked.test(asked) && (one.when?.(theirs, ours) ?? true))?.why
