/** `npm run docs`: writes the tables of functions and aggregations into docs/promql.md, from their signatures. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { aggregations } from '../src/promql/ast.ts'
import { documentedType } from '../src/promql/check.ts'
import { experimentalAggregations, parametrized, type Signature, signatures } from '../src/promql/signatures.ts'

export const promqlPath = fileURLToPath(new URL('../docs/promql.md', import.meta.url))

function call({ name, args, variadic }: Signature): string {
  const needed = variadic === 0 ? args.length : args.length - 1
  const words = args.map(documentedType).map((type, i) => (i < needed ? type : `[${type}]`))
  const more = variadic < 0 || variadic > 1 ? [variadic < 0 ? '…' : `… up to ${needed + variadic}`] : []
  return `\`${name}(${[...words, ...more].join(', ')})\``
}

const flag = (experimental: boolean): string => (experimental ? 'experimental' : '')

function functionTable(): string {
  const rows = [...signatures.values()]
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(signature => `| ${call(signature)} | ${documentedType(signature.returns)} | ${flag(signature.experimental)} |`)
  return ['| function | gives | |', '|---|---|---|', ...rows].join('\n')
}

function aggregationTable(): string {
  const rows = aggregations.map(name => {
    const param = parametrized.has(name) ? `${name === 'count_values' ? 'string' : 'scalar'}, ` : ''
    return `| \`${name}(${param}instant vector)\` | ${flag(experimentalAggregations.has(name))} |`
  })
  return ['| aggregation | |', '|---|---|', ...rows].join('\n')
}

/** @returns the page with the tables that the signatures give */
export const promqlPage = (page: string): string => between(between(page, 'functions', functionTable()), 'aggregations', aggregationTable())

function between(text: string, name: string, table: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/promql.md: lacks ${begin} and ${end}`)
  return `${text.slice(0, from)}${begin}\n${table}\n${text.slice(to)}`
}

if (import.meta.main) writeFileSync(promqlPath, promqlPage(readFileSync(promqlPath, 'utf8')))
