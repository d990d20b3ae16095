/**
 * A corpus of configuration files. What a file needs and what it must lead to stands in comments at its top:
 *
 *   # env: NAME=value     one variable of the environment
 *   # set: key=value      a --set
 *   # forward: URL        a --forward
 *   # store: DIR          a --store
 *   # with: FILE          a file beside this one, merged after it
 *   # error: LINE         a line of the message; together they are all of it
 *   # warning: LINE       the same, for what runs all the same
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { AnyFactory } from '../../src/component/component.ts'
import { ConfigFileError, type LoadedConfiguration, loadConfiguration, showProblems } from '../../src/component/config.ts'
import { aliases } from '../components.ts'

export interface Case {
  readonly name: string
  readonly path: string
  readonly text: string
  readonly errors: string
  readonly warnings: string
}

export function corpus(pattern: string): Case[] {
  return globSync(pattern, { cwd: import.meta.dirname })
    .toSorted()
    .map(name => {
      const path = join(import.meta.dirname, name)
      const text = readFileSync(path, 'utf8')
      return { name, path, text, errors: header(text, 'error').join('\n'), warnings: header(text, 'warning').join('\n') }
    })
}

export function header(text: string, word: string): string[] {
  return [...text.matchAll(new RegExp(`^# ${word}: ?(.*)$`, 'gm'))].map(([, line]) => line!)
}

/** @throws {ConfigFileError} */
export function loadCase({ path, text }: Pick<Case, 'path' | 'text'>, factories: readonly AnyFactory[]): LoadedConfiguration {
  const base = (file: string) => file.replace(/^.*\//, '')
  const others = header(text, 'with').map(name => ({ name, text: readFileSync(join(dirname(path), name), 'utf8') }))
  const env = Object.fromEntries(header(text, 'env').map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  return loadConfiguration([{ name: base(path), text }, ...others], {
    env,
    sets: header(text, 'set'),
    forward: header(text, 'forward')[0],
    store: header(text, 'store')[0],
    factories,
    aliases,
    readFile: () => {
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
    },
  })
}

/** What a start would say; `thalamus check` says what it only counts, too. */
export function outcome(file: Pick<Case, 'path' | 'text'>, factories: readonly AnyFactory[]): { errors: string; warnings: string } {
  try {
    return { errors: '', warnings: showProblems(loadCase(file, factories).warnings) }
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error
    return { errors: error.message, warnings: '' }
  }
}

/** The file with what is true now at its top. Line numbers depend on how many lines that is: until nothing changes. */
export function rewritten(file: Case, factories: readonly AnyFactory[]): string {
  let { text } = file
  for (let round = 0; round < 3; round++) {
    const { errors, warnings } = outcome({ path: file.path, text }, factories)
    const head = [...lines('error', errors), ...lines('warning', warnings)]
    const body = text.replace(/^# (error|warning):.*\n/gm, '')
    text = [...head, body].join('\n')
  }
  return text
}

const lines = (word: string, message: string) => (message === '' ? [] : message.split('\n').map(line => `# ${word}: ${line}`))
