import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'

/** Imports point to lower floors only. Folders of one floor do not know each other. */
const floors: Readonly<Record<string, number>> = {
  lib: 0,
  model: 1,
  component: 2,
  otlp: 2,
  // These read bytes through otlp.
  promql: 2,
  template: 2,
  rules: 5,
  store: 2.5,
  // Between what is asked of a store and what names things for Prometheus.
  translation: 2.75,
  exposition: 2.5,
  ottl: 2.5,
  attributes: 2.5,
  instruments: 3,
  receivers: 3,
  processors: 3,
  connectors: 3,
  exporters: 3,
  extensions: 3,
  pipeline: 4,
  workers: 5,
  api: 6,
  app: 6.5,
  'app.ts': 7,
  'components.ts': 7,
  'disk.ts': 7,
  'world.ts': 8,
  'thread.ts': 9,
  register: 7.5,
  library: 8,
  'register.ts': 9,
  commands: 8,
  'main.ts': 9,
  // A pipeline in a worker, as the thread around it sees it.
  embed: 6,
  'embedded.ts': 9,
  'embed.ts': 8.5,
  'index.ts': 9,
}
/** Folders whose sub-folders are components: each is on its own. */
const apart = new Set(['receivers', 'processors', 'connectors', 'exporters', 'extensions'])

interface Import {
  readonly file: string
  readonly target: string
}

function breach({ file, target }: Import): boolean {
  const [folder, sibling] = file.split('/')
  const [there, other] = target.split('/')
  if (folder === there) return apart.has(folder!) && sibling !== other
  return floors[there!]! >= floors[folder!]!
}

const root = join(import.meta.dirname, '../src')
const files = globSync('**/*.ts', { cwd: root }).filter(file => !/^(otlp|store|api\/prometheus)\/assembly/.test(file))
const source = (file: string) => readFileSync(join(root, file), 'utf8')

const imports: Import[] = files.flatMap(file =>
  [...source(file).matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(([, to]) => ({ file, target: join(dirname(file), to!) })),
)

describe('floors', () => {
  test('there is something to check', () => expect(imports.length).toBeGreaterThan(50))
  test('everything has a floor', () => {
    const places = new Set([...files, ...imports.map(({ target }) => target)].map(file => file.split('/')[0]!))
    expect([...places].filter(place => floors[place] === undefined)).toEqual([])
  })
  test('everything is in docs/architecture.md', () => {
    const page = readFileSync(join(root, '../docs/architecture.md'), 'utf8')
    const shown = (place: string) => `\`${place}${place.endsWith('.ts') ? '' : '/'}\``
    expect(Object.keys(floors).filter(place => !page.includes(shown(place)))).toEqual([])
  })
  test('nobody imports upwards or sideways', () => {
    expect(imports.filter(breach).map(({ file, target }) => `${file} -> ${target}`)).toEqual([])
  })
  test.each<[string, string, boolean]>([
    ['processors/batch/index.ts', 'processors/batch/batcher.ts', false],
    ['processors/batch/index.ts', 'processors/filter/index.ts', true],
    ['processors/batch/index.ts', 'component/room.ts', false],
    ['component/room.ts', 'otlp/reader.ts', true],
    ['exporters/debug/index.ts', 'pipeline/graph.ts', true],
    ['lib/clock.ts', 'model/raw.ts', true],
    ['app.ts', 'pipeline/graph.ts', false],
  ])('%s -> %s: a breach is %s', (file, target, expected) => expect(breach({ file, target })).toBe(expected))
})

describe('the doors', () => {
  /** What comes in by the Context only, and the files that are the door. */
  const doors: readonly { readonly what: RegExp; readonly allowed: readonly string[] }[] = [
    { what: /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(/, allowed: ['lib/clock.ts'] },
    { what: /\bset(Timeout|Interval)\(/, allowed: ['lib/clock.ts', 'register/outside.ts'] },
    { what: /\bMath\.random\(/, allowed: ['world.ts'] },
    { what: /\bprocess\.env\b/, allowed: ['main.ts', 'register.ts'] },
    {
      what: /from 'node:fs(\/promises)?'/,
      allowed: ['main.ts', 'world.ts', 'disk.ts', 'otlp/reader.ts', 'store/decode.ts', 'api/prometheus/points.ts', 'register/outside.ts'],
    },
  ]
  test.each(doors)('$what comes in by the door', ({ what, allowed }) => {
    const found = files.filter(file => what.test(withoutComments(source(file))) && !allowed.includes(file))
    expect(found).toEqual([])
  })
})

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\/|(?<![:'"])\/\/.*$/gm, '')
}
