/**
 * `npm run docs`: writes docs/collector-compat.md: every setting that the Collector's documentation names for a component that we
 * have, and what becomes of it here. The names are in test/compat/, one to a line; what becomes of them is read from the schemas
 * that check a configuration. With `--check` it only says whether the page is up to date, and exits 1 if not.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'
import { layers, metaOf, type Schema, schemasAt } from '../src/component/config/shape.ts'
import { serviceSchema } from '../src/component/config.ts'
import { aliases, components } from '../test/components.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const lists = 'test/compat'
const page = 'docs/collector-compat.md'
/** the Collector's */
const version = '0.155'

export type Status =
  | { readonly is: 'implemented' }
  | { readonly is: 'no effect'; readonly why: string }
  | { readonly is: 'refused'; readonly why: string; readonly remedy: string }
  /** the schema has no such setting: never so in what is published */
  | { readonly is: 'unknown' }

export interface Compared {
  /** `receivers/otlp`, or `service` */
  readonly name: string
  /** undefined: nothing here is called so */
  readonly schema: z.ZodType | undefined
  /** as the Collector's documentation has them; `[]` stands for each item of a list, NAME for any key */
  readonly settings: readonly string[]
}

export function compared(): Compared[] {
  return globSync('**/*.txt', { cwd: join(root, lists) })
    .toSorted()
    .map(file => {
      const name = file.replace(/\.txt$/, '')
      const lines = readFileSync(join(root, lists, file), 'utf8').split('\n')
      return { name, schema: schemaOf(name), settings: lines.map(line => line.replace(/#.*/, '').trim()).filter(line => line !== '') }
    })
}

function schemaOf(name: string): z.ZodType | undefined {
  if (name === 'service') return serviceSchema
  const [kinds, type = ''] = name.split('/')
  const kind = components.find(factory => `${factory.kind}s` === kinds)?.kind
  const alias = kind === undefined ? undefined : aliases[kind]?.[type]
  if (typeof alias === 'object') return alias.config
  return components.find(factory => factory.kind === kind && factory.type === type)?.config
}

/** `batch.exporters[].name` → batch, exporters, 0, name; a name with dots stands in quotes */
export const steps = (setting: string) =>
  (setting.match(/"[^"]+"|[^.]+/g) ?? []).flatMap((step): (string | number)[] =>
    step.endsWith('[]') ? [step.slice(0, -2), 0] : [step.replaceAll('"', '')],
  )

export function statusOf(schema: z.ZodType, setting: string): Status {
  const path = steps(setting)
  for (let length = 1; length <= path.length; length++) {
    const at = schemasAt(schema, path.slice(0, length))
    const metas = at.map(metaOf)
    const refused = metas.find(meta => typeof meta['refused'] === 'string')
    if (refused !== undefined) return { is: 'refused', why: String(refused['refused']), remedy: String(refused['remedy']) }
    const idle = metas.find(meta => typeof meta['noEffect'] === 'string')
    if (idle !== undefined) return { is: 'no effect', why: String(idle['noEffect']) }
    if (at.length === 0) return { is: 'unknown' }
  }
  return { is: 'implemented' }
}

/** Every setting that a schema has and that is not refused, written as in the lists. */
export function settingsOf(schema: Schema, prefix = ''): string[] {
  const names = layers(schema).flatMap((layer): string[] => {
    const { def } = (layer as z.core.$ZodTypes)._zod
    if (def.type === 'array') return settingsOf(def.element, `${prefix.slice(0, -1)}[].`)
    if (def.type === 'record') return settingsOf(def.valueType, `${prefix}NAME.`)
    if (def.type !== 'object') return []
    return Object.entries(def.shape).flatMap(([key, setting]) => {
      const name = key.includes('.') ? `"${key}"` : key
      return metaOf(setting)['refused'] === undefined ? [`${prefix}${name}`, ...settingsOf(setting, `${prefix}${name}.`)] : []
    })
  })
  return [...new Set(names)]
}

export function wantedPage(): string {
  const all = compared()
  return [
    '# Moving from the Collector: every setting',
    '',
    `What becomes here of each setting that the OpenTelemetry Collector ${version} documents for the components that both have. This page is written by`,
    '`npm run docs` from the lists in `test/compat/` and from the schemas that check your file, and a test compares them.',
    '',
    '* **implemented**: it does what it does in the Collector.',
    '* **no effect**: it is checked, and then changes nothing, for the reason that is given.',
    '* **refused**: a file that gives it does not start; the message gives the reason, and what to do instead. Values that ask for nothing, such as `false`, are taken.',
    '',
    'A setting that is in neither list is unknown here and there, and is refused with its line, its column and the nearest known word.',
    '',
    ...all.flatMap(section),
  ].join('\n')
}

function section({ name, schema, settings }: Compared): string[] {
  if (schema === undefined) return []
  const rows = settings.map(setting => `| \`${setting}\` | ${cell(statusOf(schema, setting))} |`)
  const ours = settingsOf(schema).filter(setting => !settings.includes(setting))
  const leaves = ours.filter(setting => !ours.some(other => other.startsWith(`${setting}.`) || other.startsWith(`${setting}[]`)))
  return [
    `## ${name}`,
    '',
    '| setting | |',
    '|---|---|',
    ...rows,
    '',
    ...(leaves.length === 0 ? [] : [`Only here: ${leaves.map(setting => `\`${setting}\``).join(', ')}.`, '']),
  ]
}

function cell(status: Status): string {
  if (status.is === 'no effect') return escaped(`no effect: ${status.why}`)
  return status.is === 'refused' ? escaped(`refused: ${status.why}. Instead: ${status.remedy}`) : status.is
}

const escaped = (text: string) => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

export const foundPage = () => readFileSync(join(root, page), 'utf8')

function run(check: boolean): number {
  const wanted = wantedPage()
  if (!check) writeFileSync(join(root, page), wanted)
  else if (wanted !== foundPage()) {
    console.error(`${page}: is not up to date: npm run docs`)
    return 1
  }
  return 0
}

if (import.meta.main) process.exitCode = run(process.argv.includes('--check'))
