/** `npm run docs`: writes the tables of instruments and of their buckets into docs/instruments.md, from the definitions. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { familyName } from '../src/exposition/naming.ts'
import * as boundSets from '../src/instruments/bounds.ts'
import type { Definition } from '../src/instruments/definition.ts'
import { componentInstruments } from '../src/instruments/domains/component.ts'
import { domains } from '../src/instruments/domains/index.ts'
import { refusals } from '../src/instruments/recorder.ts'

export const instrumentsPath = fileURLToPath(new URL('../docs/instruments.md', import.meta.url))

const translation = { strategy: 'UnderscoreEscapingWithSuffixes', namespace: '' } as const

export function prometheusName({ name, unit, kind }: Definition): string {
  const type = kind === 'gauge' || kind === 'histogram' ? kind : 'sum'
  return familyName({ name, unit, type, monotonic: kind === 'counter' }, translation)!.name
}

const kinds = { counter: 'counter', up_down_counter: 'up-down counter', gauge: 'gauge', histogram: 'histogram' } as const

function row(code: string, definition: Definition): string {
  const { kind, name, unit, description, attributes, bounds } = definition
  const set = Object.entries(boundSets).find(([, of]) => of === bounds)?.[0]
  const cells = [
    `\`${code}\``,
    `\`${name}\`<br>${description}`,
    [kinds[kind], ...(unit === '' ? [] : [`\`${unit}\``]), ...(set === undefined ? [] : [`\`${set}\``])].join(', '),
    attributes.map(attribute => `\`${attribute}\``).join(' '),
    `\`${prometheusName(definition)}\``,
  ]
  return `| ${cells.join(' | ')} |`
}

const head = ['| in code | OpenTelemetry | kind, unit, buckets | attributes | Prometheus |', '|---|---|---|---|---|']

function instrumentTables(): string {
  const groups: Readonly<Record<string, Readonly<Record<string, Definition>>>> = domains
  const tables = Object.entries(groups).map(([domain, group]) => [
    `### ${domain}`,
    '',
    ...head,
    ...Object.entries(group).map(([code, definition]) => row(`${domain}.${code}`, definition)),
    '',
  ])
  const component = Object.entries(componentInstruments('optimizer')).map(([code, definition]) => row(code, definition))
  return [
    ...tables.flat(),
    "### componentInstruments('optimizer'), or of another name",
    '',
    ...head,
    ...component,
    '',
    '### What recording says of itself',
    '',
    ...head,
    row('', refusals).replace('`` ', ''),
  ].join('\n')
}

function bucketTable(): string {
  const used = Object.entries(boundSets)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, bounds]) => `| \`${name}\` | ${bounds.join(', ')} |`)
  return ['| buckets | bounds, in the unit of the histogram |', '|---|---|', ...used].join('\n')
}

/** @returns the page with the tables that the definitions give */
export function instrumentsPage(page: string): string {
  return [
    ['instruments', instrumentTables()],
    ['buckets', bucketTable()],
  ].reduce((text, [name, table]) => between(text, name!, table!), page)
}

function between(text: string, name: string, table: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/instruments.md: lacks ${begin} and ${end}`)
  return `${text.slice(0, from)}${begin}\n${table}\n${text.slice(to)}`
}

if (import.meta.main) writeFileSync(instrumentsPath, instrumentsPage(readFileSync(instrumentsPath, 'utf8')))
