/**
 * From configuration files to a checked Configuration, or to every problem in them at once, each with file, line and column:
 * read YAML → merge the sources → substitute the environment → check each section by its component's schema → check what the
 * sections say of each other.
 */
import { stringify } from 'yaml'
import type { AnyFactory } from './component.ts'
import { check } from './config/check.ts'
import { addEverywhere, forwardFlag, forwardTo, storeFlag, storeIn } from './config/everywhere.ts'
import { suggestion } from './config/explain.ts'
import { emptyMap, find, type Located, merge } from './config/located.ts'
import { readOverride, setName } from './config/override.ts'
import { ConfigFileError, inOrder, type LocatedProblem } from './config/problems.ts'
import { checkReferences } from './config/references.ts'
import { withoutSecrets } from './config/secrets.ts'
import { type Aliases, type Definitions, readSections, type Section, sectionNames, typesIn } from './config/sections.ts'
import { serviceConfig, serviceSchema } from './config/service.ts'
import { readSource, type Source } from './config/source.ts'
import { type Environment, substitute } from './config/substitute.ts'
import type { Configuration, Configured } from './configuration.ts'

export { configurationJsonSchema, type JsonSchema, settingsJsonSchema } from './config/json-schema.ts'
export { ConfigFileError, type LocatedProblem, showProblems } from './config/problems.ts'
export type { Aliases } from './config/sections.ts'
export { serviceSchema } from './config/service.ts'
export type { Source } from './config/source.ts'

export interface LoadOptions {
  /** `key.path=value`, merged after all files */
  readonly sets?: readonly string[]
  /** a URL to which everything goes too, as OTLP over HTTP */
  readonly forward?: string | undefined
  /** a directory in which everything is kept too, by the embedded store */
  readonly store?: string | undefined
  readonly env: Environment
  /** The text of a file, for `${file:PATH}`; without it there are none. @throws with `code` as node:fs does */
  readonly readFile?: (path: string) => string
  readonly factories: readonly AnyFactory[]
  /** types that there are beside those of `factories`, to be suggested where a word is wrong */
  readonly names?: (kind: AnyFactory['kind']) => readonly string[]
  /** older names of components, which existing files may have */
  readonly aliases?: Aliases
}

export interface LoadedConfiguration extends Configuration {
  /** unexpected, but it runs */
  readonly warnings: readonly LocatedProblem[]
}

/** @throws {ConfigFileError} with every problem that was found */
export function loadConfiguration(sources: readonly Source[], options: LoadOptions): LoadedConfiguration {
  const { env, readFile, factories, names } = options
  const problems: LocatedProblem[] = []
  const files = fileOrder(sources)
  const fail = () => new ConfigFileError(inOrder(problems, files))
  const written = readAll(sources, options, problems)
  if (written === undefined) throw fail()
  const root = substitute(written, { env, readFile }, problems)
  const warnings: LocatedProblem[] = []
  checkSectionNames(root, problems)
  const defined = readSections(root, { factories, names, aliases: options.aliases ?? {} }, problems, warnings)
  const service = check(serviceSchema, find(root, ['service'])?.value ?? emptyMap(root.at), ['service'], problems)
  checkReferences(root, defined, problems, warnings)
  if (problems.length > 0 || service === undefined) throw fail()
  const origin = { sources, sets: options.sets ?? [], forward: options.forward, store: options.store, env, files: readFile !== undefined }
  return { ...components(defined), service: serviceConfig(service), origin, warnings: inOrder(warnings, files) }
}

/** The types that the sources and flags name, known or not; what is wrong with them is for `loadConfiguration` to say. */
export function typesNamed(
  sources: readonly Source[],
  { forward, store, aliases, ...options }: Omit<LoadOptions, 'factories'>,
): readonly { readonly kind: AnyFactory['kind']; readonly type: string }[] {
  const written = readAll(sources, { ...options, factories: [] }, [])
  if (written === undefined) return []
  const types = typesIn(substitute(written, options, []), aliases ?? {})
  const flags = [forward && forwardTo(forward), store && storeIn(store)].flatMap(flag => flag || [])
  return [
    ...types,
    ...flags.map(({ id }) => ({ kind: 'exporter' as const, type: id.split('/')[0]! })),
    ...flags.flatMap(({ extension }) => (extension === undefined ? [] : { kind: 'extension' as const, type: extension.id })),
  ]
}

/**
 * The sources as one YAML text, as they were written: nothing substituted, nothing defaulted, and secrets hidden.
 * @throws {ConfigFileError} where they cannot be read
 */
export function mergedText(sources: readonly Source[], options: LoadOptions): string {
  const problems: LocatedProblem[] = []
  const root = readAll(sources, options, problems)
  if (root === undefined) throw new ConfigFileError(inOrder(problems, fileOrder(sources)))
  return stringify(withoutSecrets(root, []))
}

const fileOrder = (sources: readonly Source[]) => [...sources.map(source => source.name), setName, forwardFlag, storeFlag]

/** All sources as one tree; undefined where one could not be read, since the rest would seem wrong for that reason only. */
function readAll(sources: readonly Source[], options: LoadOptions, problems: LocatedProblem[]): Located | undefined {
  const { sets = [], forward, store, factories } = options
  const trees: Located[] = []
  for (const source of sources) {
    const before = problems.length
    const tree = readSource(source, problems)
    if (tree?.is === 'map') trees.push(tree)
    else if (problems.length === before) problems.push(notAMap(source, tree))
  }
  const overrides = sets.map(text => readOverride(text, problems)).filter(tree => tree !== undefined)
  if (trees.length < sources.length || overrides.length < sets.length) return undefined
  const root = [...trees, ...overrides].reduce(merge, emptyMap({ file: sources[0]?.name ?? setName, line: 1, column: 1 }))
  const more = [...(forward === undefined ? [] : [forwardTo(forward)]), ...(store === undefined ? [] : [storeIn(store)])]
  return more.reduce<Located>((tree, everywhere) => addEverywhere(tree, everywhere, factories), root)
}

function notAMap({ name }: Source, tree: Located | undefined): LocatedProblem {
  const remedy = '`thalamus --print-config` prints one to start from'
  const message = tree === undefined ? 'the configuration is empty' : `must be a map, got ${tree.is === 'list' ? 'a list' : 'plain text'}`
  return { at: tree?.at ?? { file: name, line: 1, column: 1 }, path: [], message, remedy }
}

function checkSectionNames(root: Located, problems: LocatedProblem[]): void {
  if (root.is !== 'map') return
  const known = [...sectionNames, 'service']
  for (const [key, { keyAt }] of root.entries)
    if (!known.includes(key))
      problems.push({
        at: keyAt,
        path: [],
        message: `unknown section ${JSON.stringify(key)}`,
        remedy: suggestion(key, known, 'known sections'),
      })
}

function components(defined: Definitions): Omit<Configuration, 'service'> {
  // The section says the kind, and the factory was looked up among those of that kind.
  const of = <K extends Section>(section: K) =>
    new Map(
      [...defined[section].values()].flatMap(({ id, configured }) =>
        configured === undefined ? [] : [[id, configured as Configured<never>] as const],
      ),
    )
  return {
    receivers: of('receivers'),
    processors: of('processors'),
    connectors: of('connectors'),
    exporters: of('exporters'),
    extensions: of('extensions'),
  }
}
