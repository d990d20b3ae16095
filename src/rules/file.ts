import { quote } from '../lib/go-text.ts'
import type { Expr } from '../promql/ast.ts'
import { ParseError, type ParseOptions, parseExpr } from '../promql/parse.ts'
import { alertDefinitions, checkTemplate } from '../template/expand.ts'
import { decode, duration, integer, type Located, listOf, located, optional, type Shape, struct, text, texts } from './yaml.ts'

/** Rule files of Prometheus: read whole, checked whole; everything that is wrong is said at once, in Prometheus's words. */
export interface RuleFile {
  readonly groups: readonly RuleGroup[]
}

export interface RuleGroup {
  readonly name: string
  /** [ms]; undefined: the global evaluation interval */
  readonly interval: number | undefined
  /** [ms]; undefined: the global offset */
  readonly queryOffset: number | undefined
  /** [series or alerts] that one rule may give; 0: any number */
  readonly limit: number
  readonly rules: readonly RuleDefinition[]
}

export type RuleDefinition = RecordingDefinition | AlertingDefinition

interface Definition {
  readonly expr: Expr
  /** the expression as written */
  readonly text: string
  /** with those of the group; templates where the rule is an alert */
  readonly labels: ReadonlyMap<string, string>
}

export interface RecordingDefinition extends Definition {
  readonly kind: 'recording'
  readonly record: string
}

export interface AlertingDefinition extends Definition {
  readonly kind: 'alerting'
  readonly alert: string
  /** [ms] */
  readonly for: number
  /** [ms] */
  readonly keepFiringFor: number
  /** templates */
  readonly annotations: ReadonlyMap<string, string>
}

export interface RuleFileOptions {
  readonly ignoreUnknownFields?: boolean
  /** `legacy`: names of labels are of letters, digits and underscores only */
  readonly nameValidationScheme?: 'utf8' | 'legacy'
  /** of the expressions */
  readonly parseOptions?: Partial<ParseOptions>
}

export type RuleFileResult =
  | { readonly file: RuleFile; readonly warnings: readonly string[] }
  /** one line each: `3:5: group "g", rule 1, "name": …` */
  | { readonly problems: readonly string[] }

interface RuleNode {
  readonly place: { readonly line: number; readonly column: number }
  readonly record: Located<string>
  readonly alert: Located<string>
  readonly expr: Located<string>
  readonly for: number
  readonly keep_firing_for: number
  readonly labels: ReadonlyMap<string, string>
  readonly annotations: ReadonlyMap<string, string>
}

interface GroupNode {
  readonly name: string
  readonly interval: number
  readonly query_offset: number | undefined
  readonly limit: number
  readonly labels: ReadonlyMap<string, string>
  readonly rules: readonly RuleNode[]
}

const ruleFields = struct<Omit<RuleNode, 'place'>>('rulefmt.Rule', {
  record: located(text),
  alert: located(text),
  expr: located(text),
  for: duration,
  keep_firing_for: duration,
  labels: texts,
  annotations: texts,
})

const rule: Shape<RuleNode> = (node, reading) => ({ ...ruleFields(node, reading), place: reading.place(node) })

const group = struct<GroupNode>('rulefmt.RuleGroup', {
  name: text,
  interval: duration,
  query_offset: optional(duration),
  limit: integer,
  labels: texts,
  rules: listOf(rule),
})

const ruleFile = struct<{ groups: readonly Located<GroupNode>[] }>('rulefmt.RuleGroups', { groups: listOf(located(group)) })

export function parseRuleFile(source: string, options: RuleFileOptions = {}): RuleFileResult {
  const { value, problems, documents } = decode(source, ruleFile, options)
  const reader = new Reader(options)
  const groups = value.groups.map(each => reader.group(each))
  const all = [...problems, ...reader.problems]
  if (all.length > 0) return { problems: all }
  const warnings = documents > 1 ? ['Multiple document yaml rules files are not supported, only the first document is processed'] : []
  return { file: { groups }, warnings }
}

class Reader {
  readonly problems: string[] = []
  readonly #options: RuleFileOptions
  readonly #names = new Set<string>()

  constructor(options: RuleFileOptions) {
    this.#options = options
  }

  group({ value, line, column }: Located<GroupNode>): RuleGroup {
    const { name, labels, rules } = value
    if (name === '') this.problems.push(`${line}:${column}: Groupname must not be empty`)
    if (this.#names.has(name)) this.problems.push(`${line}:${column}: groupname: ${quote(name)} is repeated in the same file`)
    this.#names.add(name)
    for (const label of labels.keys()) if (!this.#isLabel(label)) this.problems.push(`invalid label name: ${label}`)
    return {
      name,
      interval: value.interval === 0 ? undefined : value.interval,
      queryOffset: value.query_offset,
      limit: value.limit,
      rules: rules.flatMap((node, i) => this.#rule(node, value, i + 1)),
    }
  }

  #rule(node: RuleNode, group: GroupNode, number: number): readonly RuleDefinition[] {
    const { record, alert, expr: written } = node
    const say = (message: string, ...places: readonly { readonly line: number; readonly column: number }[]): void => {
      const name = alert.value === '' ? record.value : alert.value
      // What is not there has the place of the whole rule.
      const where = places.map(({ line, column }) => (line > 0 ? `${line}:${column}: ` : `${node.place.line}:${node.place.column}: `))
      this.problems.push(`${where.join('')}group ${quote(group.name)}, rule ${number}, ${quote(name)}: ${message}`)
    }
    if (record.value !== '' && alert.value !== '') say("only one of 'record' and 'alert' must be set", record, alert)
    if (record.value === '' && alert.value === '') say("one of 'record' or 'alert' must be set", record)
    const expr = this.#expr(written, message => say(message, written))
    if (record.value !== '') checkRecord(node, message => say(message, record))
    for (const label of node.labels.keys()) if (!this.#isLabel(label)) say(`invalid label name: ${label}`)
    for (const annotation of node.annotations.keys()) if (!this.#isName(annotation)) say(`invalid annotation name: ${annotation}`)
    if (alert.value !== '') checkTemplates(node, say)
    if (expr === undefined) return []
    const common = { expr, text: written.value, labels: new Map([...group.labels, ...node.labels]) }
    if (record.value !== '') return [{ kind: 'recording', record: record.value, ...common }]
    const { for: hold, keep_firing_for: keepFiringFor, annotations } = node
    return [{ kind: 'alerting', alert: alert.value, for: hold, keepFiringFor, annotations, ...common }]
  }

  #expr({ value }: Located<string>, say: (message: string) => void): Expr | undefined {
    if (value === '') {
      say("field 'expr' must be set in rule")
      return undefined
    }
    try {
      return parseExpr(value, this.#options.parseOptions)
    } catch (error) {
      if (!(error instanceof ParseError)) throw error
      say(`could not parse expression: ${error.message}`)
      return undefined
    }
  }

  #isLabel(name: string): boolean {
    return name !== '__name__' && this.#isName(name)
  }

  #isName(name: string): boolean {
    return this.#options.nameValidationScheme === 'legacy' ? /^[a-zA-Z_]\w*$/.test(name) : name !== '' && name.isWellFormed()
  }
}

function checkRecord({ record, annotations, for: hold, keep_firing_for }: RuleNode, say: (message: string) => void): void {
  if (annotations.size > 0) say("invalid field 'annotations' in recording rule")
  if (hold !== 0) say("invalid field 'for' in recording rule")
  if (keep_firing_for !== 0) say("invalid field 'keep_firing_for' in recording rule")
  if (!record.value.isWellFormed()) say(`invalid recording rule name: ${record.value}`)
  // A name may be any text, but an expression in its place is a common mistake.
  if (/[{}]/.test(record.value)) say(`braces present in the recording rule name; should it be in expr?: ${record.value}`)
}

function checkTemplates({ alert, labels, annotations }: RuleNode, say: (message: string) => void): void {
  for (const [what, templates] of [
    ['label', labels],
    ['annotation', annotations],
  ] as const) {
    for (const [name, template] of templates) {
      const problem = checkTemplate(`__alert_${alert.value}`, alertDefinitions + template)
      if (problem !== undefined) say(`${what} ${quote(name)}: ${problem}`)
    }
  }
}
