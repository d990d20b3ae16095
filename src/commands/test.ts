import { glob } from '../lib/glob.ts'
import { Re2, RegexError } from '../lib/re2.ts'
import { createEngine } from '../promql/engine.ts'
import { levels, type Outcome, runScript, testOptions } from '../promql/testing/run.ts'
import { runUnitTests } from '../rules/unit-test.ts'
import { type Arguments, type Command, type Outside, UsageError } from './command.ts'

/** What promtool and Prometheus's own tests do: scripts with samples, queries and the answers that are expected. */
export const test: Command = {
  name: 'test',
  takes: 'FILE…',
  says: "runs scripts in Prometheus's test language (load, eval, expect) and, where a file ends in .yml or .yaml, unit tests of rules as promtool does; tells by FILE:LINE what did not come out as expected",
  flags: {
    level: {
      takes: 'N',
      says: '1: queries as written; 2: instant queries as range queries too; 3, the default: and with @ at other times',
    },
    run: { takes: 'REGEX', repeated: true, says: 'only the unit tests of rules whose name matches' },
    'ignore-unknown-fields': { says: 'passes over fields of rule files that nobody knows' },
  },
  async run({ flags, rest }, outside) {
    const level = levels.find(level => String(level) === (flags.get('level')?.[0] ?? '3'))
    if (level === undefined)
      throw new UsageError(`--level must be 1, 2 or 3, got ${JSON.stringify(flags.get('level')?.[0])}`, 'leave it out for 3')
    if (rest.length === 0) throw new UsageError('test needs a file', 'write thalamus test FILE.test…')
    let [passed, failed, unread] = [0, 0, 0]
    const engine = createEngine({ ...testOptions, now: outside.now })
    for (const file of rest) {
      const run = /\.ya?ml$/i.test(file) ? ruleTests(file, flags, outside) : (text: string) => runScript(text, engine, level)
      const outcome = await outcomeOf(file, outside, run)
      if (outcome === undefined) unread++
      passed += outcome?.passed ?? 0
      failed += outcome?.failures.length ?? 0
    }
    outside.print(`${passed} passed, ${failed} failed`)
    return failed + unread === 0 ? 0 : 1
  },
}

/** Unit tests of rules, one outcome for each expectation. */
function ruleTests(file: string, flags: Arguments['flags'], outside: Outside): (text: string) => Promise<Outcome> {
  const patterns = (flags.get('run') ?? []).map(nameTest)
  return async text => {
    const outcomes = await runUnitTests(file, text, {
      read: outside.read,
      glob: pattern => glob(pattern, outside.listSync),
      run: name => patterns.length === 0 || patterns.some(({ test }) => test(name)),
      ignoreUnknownFields: flags.has('ignore-unknown-fields'),
    })
    const failures = outcomes.flatMap(({ line, failure }) => (failure === undefined ? [] : [{ line, message: failure }]))
    return { passed: outcomes.length - failures.length, failures }
  }
}

function nameTest(pattern: string): { readonly test: (name: string) => boolean } {
  try {
    const regex = new Re2(pattern)
    return { test: name => regex.test(name) }
  } catch (error) {
    if (!(error instanceof RegexError)) throw error
    throw new UsageError(`--run must be a regular expression, got ${JSON.stringify(pattern)}`, error.message)
  }
}

/** Prints what failed. @returns undefined where there is nothing to run, which has been said */
async function outcomeOf(file: string, outside: Outside, run: (text: string) => Promise<Outcome>): Promise<Outcome | undefined> {
  let text: string
  try {
    text = await outside.read(file)
  } catch (error) {
    outside.complain(`${file}: ${reason(error)}`)
    return undefined
  }
  const outcome = await run(text)
  for (const { line, message } of outcome.failures) outside.print(`${file}:${line}: ${message}`)
  return outcome
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EISDIR') return 'this is a folder'
  return error instanceof Error ? error.message : String(error)
}
