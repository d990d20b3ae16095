/** Files that nobody would write: each is loaded, or refused with words; nothing else happens. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigFileError, loadConfiguration } from '../../src/component/config.ts'
import { aliases, components } from '../components.ts'
import { seeded } from '../kit/context.ts'

const here = import.meta.dirname
const originals = globSync('{good,bad,real}/*.yaml', { cwd: here })
  .toSorted()
  .map(file => readFileSync(join(here, file), 'utf8'))
const env = { HOME: '/root', TOKEN: 'x'.repeat(40) }

/** @returns what it came to: 'loaded', or the number of problems. @throws whatever is not a ConfigFileError */
function load(text: string): string {
  try {
    loadConfiguration([{ name: 'fuzz.yaml', text }], { env, factories: components, aliases })
    return 'loaded'
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw new Error(`on ${JSON.stringify(text.slice(0, 2000))}`, { cause: error })
    expect(error.message.length).toBeLessThan(100_000)
    expect(error.problems.length).toBeGreaterThan(0)
    return `${error.problems.length} problems`
  }
}

const minimal = `receivers: { otlp: { protocols: { http: } } }
exporters: { debug: }
service: { pipelines: { metrics: { receivers: [otlp], exporters: [debug] } } }
`

describe('hostile files', () => {
  const deep = (open: string, close: string, n: number) => open.repeat(n) + close.repeat(n)
  test.each<[string, string]>([
    ['nothing', ''],
    ['NUL bytes', '\0\0\0'],
    ['not UTF-8', Buffer.from([0xff, 0xfe, 0x00, 0xd8]).toString('latin1')],
    ['a lone surrogate', 'receivers: { "\ud800": }'],
    ['lists in lists, 5,000 deep', deep('[', ']', 5_000)],
    ['maps in maps, 5,000 deep', deep('{a: ', '}', 5_000)],
    ['blocks in blocks, 2,000 deep', Array.from({ length: 2000 }, (_, n) => `${' '.repeat(n)}a:`).join('\n')],
    [
      'aliases of aliases',
      `a0: &a0 [x, x, x, x, x, x, x, x, x]\n${Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(', ')}]`).join('\n')}\n${minimal}`,
    ],
    ['an alias of itself', 'receivers: &a { otlp: *a }'],
    ['merge keys of itself', 'receivers: &a { <<: *a }'],
    ['__proto__', `__proto__: { polluted: yes }\nconstructor: { prototype: { polluted: yes } }\n${minimal}`],
    ['components called as properties of objects', 'receivers: { constructor: , toString: , __proto__: , hasOwnProperty/1: }\n'],
    ['a pipeline of __proto__', minimal.replace('metrics:', '__proto__:')],
    ['a key of a megabyte', `${'k'.repeat(2 ** 20)}: 1`],
    ['a value of a megabyte', minimal.replace('http:', `http: { endpoint: "${'9'.repeat(2 ** 20)}" }`)],
    ['ten thousand components', `exporters:\n${Array.from({ length: 10_000 }, (_, n) => `  debug/${n}:`).join('\n')}`],
    ['numbers beyond numbers', minimal.replace('http:', 'http: { max_request_body_size: 1e999, fast_path: .nan }')],
    ['dates, sets and binary', 'receivers: !!set { a, b }\nexporters: !!binary aGk=\nservice: 2001-12-14t21:59:43.10-05:00'],
    ['tags that name code', 'receivers: !!js/function "function(){ throw 1 }"\nexporters: !!python/object/apply:os.system ["id"]'],
    ['an environment without an end', minimal.replace('debug:', `debug: { verbosity: "${'${env:HOME}'.repeat(10_000)}" }`)],
    [
      'an environment inside an environment',
      minimal.replace('debug:', `debug: { verbosity: "${'${env:'.repeat(5000)}${'}'.repeat(5000)}" }`),
    ],
    ['two documents', `${minimal}---\n${minimal}`],
    ['tabs', minimal.replaceAll(' ', '\t')],
    ['JSON that ends early', '{"receivers": {"otlp": {"protocols"'],
  ])('%s', (_, text) => {
    load(text)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

const odd = [
  '0',
  '-1',
  '1e99',
  '.inf',
  '.nan',
  '~',
  'null',
  'yes',
  '""',
  '"\\0"',
  '[]',
  '{}',
  '[[], {}]',
  '{ a: { b: [ ] } }',
  '&a 1',
  '*a',
  '!!str 1',
  '9'.repeat(400),
  '${env:HOME}',
  '${env:}',
  '${',
  '$$',
  '__proto__',
  '- -',
  '2001-01-01',
  '0x10',
  "'",
  '|',
  '>',
  '%',
  '\t',
  '\u2028',
  'ß'.repeat(300),
]

test.each([1, 2, 3, 4, 5, 6, 7, 8])('real files with faults in them are loaded or refused (seed %i)', seed => {
  const random = seeded(seed * 7919)
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!
  const seen = new Set<string>()
  for (let n = 0; n < 150; n++) {
    let lines = pick(originals).split('\n')
    for (let faults = 1 + Math.floor(random() * 3); faults > 0; faults--) {
      const at = Math.floor(random() * lines.length)
      const line = lines[at] ?? ''
      const kind = random()
      if (kind < 0.35) lines[at] = line.replace(/: .*$|:$/, `: ${pick(odd)}`)
      else if (kind < 0.5) lines.splice(at, 1)
      else if (kind < 0.6) lines.splice(at, 0, lines[Math.floor(random() * lines.length)]!)
      else if (kind < 0.7) lines[at] = `${pick([' ', '  ', '\t', '- '])}${line}`
      else if (kind < 0.8)
        lines[at] = line.slice(0, Math.floor(random() * line.length)) + pick(odd) + line.slice(Math.floor(random() * line.length))
      else if (kind < 0.9) lines[at] = line.replace(/[\w]+/, word => word.slice(0, -1) + pick(['x', '__proto__', '']))
      else lines = lines.slice(0, at)
    }
    seen.add(load(lines.join('\n')))
  }
  expect(seen.size).toBeGreaterThan(3)
})
