import { describe, expect, test } from 'vitest'
import { ConfigFileError, loadConfiguration, mergedText } from '../../src/component/config.ts'
import { ConfigError } from '../../src/component/errors.ts'
import { seeded } from '../kit/context.ts'
import { corpus, header } from './corpus.ts'
import { factories } from './factories.ts'

const env = { ENDPOINT: '0.0.0.0:4318', TOKEN: 'a-very-secret-token', SIZE: '7' }
const load = (text: string, more: { env?: Record<string, string>; sets?: string[]; forward?: string } = {}) =>
  loadConfiguration([{ name: 'a.yaml', text }], { env, factories, ...more })

/** A configuration around one exporter, whose settings are given. */
const debug = (settings: string) => `
receivers: { otlp: { protocols: { http: } } }
exporters: { debug: ${settings}, prometheus: }
service: { pipelines: { metrics: { receivers: [otlp], exporters: [debug] } } }`
const labels = (value: string, environment: Record<string, string> = {}) => {
  const text = `
receivers: { otlp: { protocols: { http: } } }
exporters: { prometheus: { const_labels: { a: ${value} } } }
service: { pipelines: { metrics: { receivers: [otlp], exporters: [prometheus] } } }`
  return (load(text, { env: environment }).exporters.get('prometheus')!.settings['const_labels'] as Record<string, string>)['a']
}

test.each<[string, Record<string, string>, string]>([
  ["'${env:A}'", { A: 'plain' }, 'plain'],
  ["'${A}'", { A: 'plain' }, 'plain'],
  ["'${env:A}'", { A: '0123' }, '0123'],
  ["'${env:A}'", { A: 'true' }, 'true'],
  ["'${env:A}'", { A: '1e3' }, '1e3'],
  ["'${env:A}'", { A: '${B}' }, '${B}'],
  ["'${env:A}'", { A: '"quoted"' }, '"quoted"'],
  ["'${env:A}'", { A: '- no: [yaml' }, '- no: [yaml'],
  ["'${env:A}-${env:B}'", { A: '1', B: '2' }, '1-2'],
  ["'x${env:A:-none}'", {}, 'xnone'],
  ["'${A:-${env:B:-deep}}'", {}, 'deep'],
  ["'${env:A:-a:-b}'", {}, 'a:-b'],
  ["'${env:${B}}'", { B: 'A', A: 'named by another' }, 'named by another'],
  ["'$${env:A}'", { A: 'unused' }, '${env:A}'],
  ["'$$$$'", {}, '$$'],
  ["'$A costs $5'", { A: 'unused' }, '$A costs $5'],
])('%s with %j reads as %j', (written, environment, expected) => expect(labels(written, environment)).toBe(expected))

test('a value that is one substitution is read again as YAML', () => {
  const text = `
receivers: { host: { scrapers: '\${env:SCRAPERS}' } }
processors: { batch: { send_batch_size: '\${env:SIZE}' } }
exporters: { debug: '\${env:DEBUG}' }
service: { pipelines: { metrics: { receivers: [host], processors: [batch], exporters: [debug] } } }`
  const read = load(text, { env: { SCRAPERS: '[cpu, disk]', SIZE: '12', DEBUG: '{verbosity: normal}' } })
  expect(read.receivers.get('host')!.settings).toMatchObject({ scrapers: ['cpu', 'disk'] })
  expect(read.processors.get('batch')!.settings).toMatchObject({ send_batch_size: 12 })
  expect(read.exporters.get('debug')!.settings).toEqual({ verbosity: 'normal' })
})

test.each<[string, unknown]>([
  ['8_192', 8192],
  ['65_536_000', 65_536_000],
  ['8192', 8192],
])('digits may be grouped, as for the Collector: %s', (written, expected) => {
  const text = `
receivers: { host: }
processors: { batch: { send_batch_size: ${written} } }
exporters: { debug: }
service: { pipelines: { metrics: { receivers: [host], processors: [batch], exporters: [debug] } } }`
  expect(load(text).processors.get('batch')!.settings['send_batch_size']).toBe(expected)
})

describe('files', () => {
  const files: Record<string, string> = {
    '/etc/endpoint': '127.0.0.1:9\n',
    'exporters.yaml': 'debug: { verbosity: "${env:VERBOSITY}" }\n',
    'self.yaml': '${file:self.yaml}',
  }
  const readFile = (path: string) => {
    if (files[path] === undefined) throw Object.assign(new Error('no'), { code: 'ENOENT' })
    return files[path]
  }
  const read = (exporters: string, endpoint: string) =>
    loadConfiguration(
      [
        {
          name: 'a.yaml',
          text: `
receivers: { otlp: { protocols: { http: { endpoint: '${endpoint}' } } } }
exporters: ${exporters}
service: { pipelines: { metrics: { receivers: [otlp], exporters: [debug] } } }`,
        },
      ],
      { env: { VERBOSITY: 'normal', NAME: 'endpoint' }, factories, readFile },
    )

  test('a section and a value may stand in files, which may have variables', () => {
    const { receivers, exporters } = read("'${file:exporters.yaml}'", '${file:/etc/${env:NAME}}')
    expect(exporters.get('debug')!.settings).toEqual({ verbosity: 'normal' })
    expect(receivers.get('otlp')!.settings).toMatchObject({ protocols: { http: { endpoint: '127.0.0.1:9' } } })
  })
  test('yaml: is text, also in its short form', () => {
    expect(read("'${yaml:debug::verbosity: normal}'", '127.0.0.1:1').exporters.get('debug')!.settings).toEqual({ verbosity: 'normal' })
  })
  test.each([
    ['${file:gone}', 'cannot read the file "gone": ENOENT'],
    ['${file:self.yaml}', 'substitutions go on without end'],
  ])('%s does not load', (endpoint, message) => {
    expect(() => read('{ debug: }', endpoint)).toThrow(message)
  })
})

test.each(['0', '0s', '${env:NONE:-0}'])('no time at all may be written %s, as for the Collector', written => {
  const text = debug('').replace('service: {', `service: { consume_timeout: ${JSON.stringify(written).replace('"0"', '0')},`)
  expect(load(text).service.consumeTimeoutMs).toBe(0)
})

test('a list from the environment replaces, and its problems are hidden', () => {
  const text = `
receivers: { host: { scrapers: '\${env:SCRAPERS}' } }
exporters: { debug: }
service: { pipelines: { metrics: { receivers: [host], exporters: [debug] } } }`
  expect(() => load(text, { env: { SCRAPERS: '[cpu, hunter2]' } })).toThrow(
    /receivers\.host\.scrapers\.1: must be one of cpu, memory, disk, got \(hidden\)$/,
  )
})

test.each<[string, unknown]>([
  ['exporters.debug.verbosity=detailed', 'detailed'],
  ['exporters::debug::verbosity=detailed', 'detailed'],
  ['exporters.debug={verbosity: normal}', 'normal'],
  ['exporters.debug.verbosity=', 'basic'],
])('--set %s', (set, verbosity) => {
  expect(load(debug('{ verbosity: normal }'), { sets: [set] }).exporters.get('debug')!.settings).toEqual({ verbosity })
})

test('a later --set wins', () => {
  const sets = ['exporters.debug.verbosity=normal', 'exporters.debug.verbosity=detailed']
  expect(load(debug(''), { sets }).exporters.get('debug')!.settings).toEqual({ verbosity: 'detailed' })
})

test('a file that unfolds without end is refused', () => {
  const levels = Array.from(
    { length: 12 },
    (_, i) =>
      `x${i}: &x${i} [${Array(10)
        .fill(i === 0 ? '1' : `*x${i - 1}`)
        .join(', ')}]`,
  )
  expect(() => load(levels.join('\n'))).toThrow(/more than 100000 values/)
})

test('problems are counted beyond the ten that are shown, and all are there', () => {
  const settings = `{ ${Array.from({ length: 25 }, (_, i) => `s${i}: 1`).join(', ')} }`
  try {
    load(debug(settings))
    expect.unreachable()
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigFileError)
    expect(error).toBeInstanceOf(ConfigError)
    const { problems, message } = error as ConfigFileError
    expect(problems).toHaveLength(25)
    expect(message.match(/unknown setting/g)).toHaveLength(10)
    expect(message).toMatch(/\nand 15 more$/)
  }
})

test('the merged text shows neither secrets nor the environment', () => {
  const text = `
receivers: { otlp: { protocols: { http: { endpoint: '\${env:ENDPOINT}' } } } }
exporters:
  otlp_http: { endpoint: 'https://me:hunter2@there', headers: { authorization: Bearer hunter2, x-tenant: '\${env:TENANT}' } }
service: { pipelines: { metrics: { receivers: [otlp], exporters: [otlp_http] } } }`
  const merged = mergedText([{ name: 'a', text }], { env, factories, sets: ['exporters.otlp_http.tls.key_pem=hunter2'] })
  expect(merged).not.toContain('hunter2')
  expect(merged).toContain('${env:ENDPOINT}')
  expect(merged).toContain('${env:TENANT}')
  expect(merged).toContain('authorization: (hidden)')
})

/** Characters and words that break YAML, types and references in as many ways as we could think of. */
const pieces = [
  '\t',
  '\n',
  ' ',
  ':',
  ': ',
  '- ',
  '{',
  '}',
  '[',
  ']',
  '"',
  "'",
  '&a ',
  '*a',
  '<<: ',
  '#',
  '|',
  '>',
  '%',
  '@',
  '!x ',
  '? ',
  '${',
  '}',
  '$$',
  '~',
  'null',
  '5',
  '-1',
  '1e999',
  'otlp',
  'debug',
  'service:',
  '---\n',
  '\u0000',
  '😀',
  '__proto__: ',
]

test('whatever is done to a good file, the answer is a configuration or problems with a place', () => {
  const random = seeded(7)
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!
  const originals = corpus('good/*.yaml').map(({ text }) => ({
    text,
    env: Object.fromEntries(header(text, 'env').map(line => line.split('='))),
  }))
  let refused = 0
  for (let round = 0; round < 1500; round++) {
    const original = pick(originals)
    let { text } = original
    for (let edits = 1 + Math.floor(random() * 3); edits > 0; edits--) {
      const at = Math.floor(random() * text.length)
      const cut = random() < 0.3 ? Math.floor(random() * 40) : 1
      text = text.slice(0, at) + (random() < 0.7 ? pick(pieces) : '') + text.slice(at + cut)
    }
    try {
      load(text, { env: original.env })
    } catch (error) {
      if (!(error instanceof ConfigFileError)) throw new Error(`broke on:\n${text}`, { cause: error })
      refused++
      for (const { at, message } of error.problems) {
        expect(message).not.toBe('')
        expect(at.line).toBeGreaterThan(0)
        expect(at.line).toBeLessThanOrEqual(text.split('\n').length)
      }
    }
  }
  expect(refused).toBeGreaterThan(150)
})
