import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ConfigFileError, loadConfiguration } from '../src/component/config.ts'
import { showProblem } from '../src/component/errors.ts'
import { misuses } from './commands/misuses.ts'
import { aliases, components } from './components.ts'
import { corpus } from './config/corpus.ts'

const root = join(import.meta.dirname, '..')

/** The first cell of each row of docs/errors.md: a message in which `…` stands for what differs. */
const documented = [...readFileSync(join(root, 'docs/errors.md'), 'utf8').matchAll(/^\| `(.+?)` \|/gm)].map(([, pattern]) => pattern!)
const asPattern = (text: string) => new RegExp(`(^|: )${text.split('…').map(escaped).join('.+')}`, 's')

const escaped = (text: string) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')

/** What users were seen to be told: by the corpus of wrong files, by wrong command lines, and in the words of the sources. */
const told: readonly string[] = [
  ...corpus('{bad,good,real}/*.yaml').flatMap(({ errors, warnings }) => [errors, warnings].flatMap(firstLines)),
  ...misuses.flatMap(([, says]) => firstLines(says)),
  ...globSync('src/**/*.ts', { cwd: root }).flatMap(file => thrown(readFileSync(join(root, file), 'utf8'))),
]

/** Without the lines that say what to do, and without the count of what is not shown. */
function firstLines(message: string): string[] {
  return message.split('\n').filter(line => line !== '' && !line.startsWith('  ') && !/^and \d+ more$/.test(line))
}

/** The literals of errors that end a start; each `${…}` in them becomes a word. */
function thrown(source: string): string[] {
  const starts = [...source.matchAll(/new StartError\(\s*(`[^`]*`|'[^']*')/g)].map(([, literal]) => literal!)
  const checks = [...source.matchAll(/new ConfigError\(\[[\s\S]*?message: (`[^`]*`|'[^']*')/g)].map(([, literal]) => literal!)
  // Of a literal that is all placeholders nothing can be said: `elsewhere` has those.
  return [...starts, ...checks].flatMap(literal => alternatives(literal.slice(1, -1))).filter(text => !/^[x.: ]+$/.test(text))
}

/** `has ${x ? 'a' : 'b'}` says two things. */
function alternatives(template: string): string[] {
  const choice = /\$\{[^{}]*\? '([^']*)' : '([^']*)'\}/.exec(template)
  if (choice !== null) return [choice[1]!, choice[2]!].flatMap(word => alternatives(template.replace(choice[0], word)))
  return [template.replaceAll(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, 'x')]
}

describe('docs/errors.md', () => {
  test('there is something to compare', () => {
    expect(documented.length).toBeGreaterThan(40)
    expect(told.length).toBeGreaterThan(120)
  })
  test('has every message that users are told', () => {
    const unknown = told.filter(message => !documented.some(pattern => asPattern(pattern).test(message)))
    expect([...new Set(unknown)]).toEqual([])
  })
  test('has no message that nobody is told', () => {
    const silent = documented.filter(pattern => !told.some(message => asPattern(pattern).test(message)))
    expect(silent.toSorted()).toEqual([...elsewhere].toSorted())
  })
})

/** Said where neither the corpus nor a literal shows it: each has a test of its own. */
const elsewhere = [
  'Node … is too old: …',
  'more than … values',
  'no permission to read it',
  'there are other files here, and no queues',
  'stopped at once: it was asked to twice',
  'stopped: not everything was delivered',
  '… is another word for …',
  '… is not a private key in PEM',
  '… is not the key of that certificate',
  '…: entry … is of …',
]

describe('examples', () => {
  const files = globSync(['README.md', 'docs/**/*.md', 'src/**/README.md'], { cwd: root })
  const blocks = files.flatMap(file =>
    [...readFileSync(join(root, file), 'utf8').matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(
      ([, text], i) => [`${file} ${i + 1}`, text!] as const,
    ),
  )
  test('there are some', () => expect(blocks.length).toBeGreaterThan(8))
  test.each(blocks)('%s is right', (name, text) => {
    expect(problems(name, text)).toEqual([])
  })

  /** Of a part of a configuration, what does not come from its being a part. */
  function problems(name: string, text: string): string[] {
    if (/^(#.*\n)*$/.test(text)) return []
    const env = new Proxy<Record<string, string>>(
      {},
      { get: () => 'a-value-of-some-length', has: () => true, getOwnPropertyDescriptor: () => ({ value: '', configurable: true }) },
    )
    try {
      loadConfiguration([{ name, text }], { env, factories: components, aliases })
      return []
    } catch (error) {
      if (!(error instanceof ConfigFileError)) throw error
      const ofTheWhole = /^(there is no pipeline|the pipeline has no|no .* is called|the extension .* does not run)/
      return error.problems.filter(({ message }) => !ofTheWhole.test(message)).map(showProblem)
    }
  }
})
