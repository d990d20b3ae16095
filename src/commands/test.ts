import { createEngine } from '../promql/engine.ts'
import { levels, type Outcome, runScript, testOptions } from '../promql/testing/run.ts'
import { type Command, type Outside, UsageError } from './command.ts'

/** What promtool and Prometheus's own tests do: scripts with samples, queries and the answers that are expected. */
export const test: Command = {
  name: 'test',
  takes: 'FILE…',
  says: "runs scripts in Prometheus's test language (load, eval, expect), and tells by FILE:LINE what did not come out as expected",
  flags: {
    level: {
      takes: 'N',
      says: '1: queries as written; 2: instant queries as range queries too; 3, the default: and with @ at other times',
    },
  },
  async run({ flags, rest }, outside) {
    const level = levels.find(level => String(level) === (flags.get('level')?.[0] ?? '3'))
    if (level === undefined)
      throw new UsageError(`--level must be 1, 2 or 3, got ${JSON.stringify(flags.get('level')?.[0])}`, 'leave it out for 3')
    if (rest.length === 0) throw new UsageError('test needs a file', 'write thalamus test FILE.test…')
    let [passed, failed, unread] = [0, 0, 0]
    const engine = createEngine({ ...testOptions, now: outside.now })
    for (const file of rest) {
      const outcome = await outcomeOf(file, outside, text => runScript(text, engine, level))
      if (outcome === undefined) unread++
      passed += outcome?.passed ?? 0
      failed += outcome?.failures.length ?? 0
    }
    outside.print(`${passed} passed, ${failed} failed`)
    return failed + unread === 0 ? 0 : 1
  },
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
