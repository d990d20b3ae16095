import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { glob } from '../../src/lib/glob.ts'
import { runUnitTests, type UnitTestOptions } from '../../src/rules/unit-test.ts'

const folder = join(import.meta.dirname, '../data/rules/promtool-unittests')
const files: UnitTestOptions = { read: path => readFile(path, 'utf8'), glob: pattern => glob(pattern, path => readdirSync(path)) }
const named = (...words: string[]) => ({ run: (name: string) => words.some(word => name.includes(word)) })

async function failures(file: string, more: Partial<UnitTestOptions> = {}): Promise<readonly string[]> {
  const path = join(folder, file)
  const outcomes = await runUnitTests(path, readFileSync(path, 'utf8'), { ...files, ...more })
  return outcomes.flatMap(({ line, failure }) => (failure === undefined ? [] : [`${line}: ${failure.replace(`${folder}/`, '')}`]))
}

describe("promtool's own tests come out as they do there", () => {
  test.each<[file: string, more?: Partial<UnitTestOptions>]>([
    ['unittest.yml'],
    ['start-time-test.yml'],
    ['long-period.yml'],
    ['at-modifier-test.yml'],
    ['negative-offset-test.yml'],
    ['no-test-group-interval.yml'],
    ['rules_run.yml', named('correct')],
    ['rules_run_fuzzy.yml', named('correct')],
    ['rules_run_extrafields.yml', { ignoreUnknownFields: true }],
  ])('%s succeeds', async (file, more) => expect(await failures(file, more)).toEqual([]))

  test.each<[file: string, problems: readonly string[], more?: Partial<UnitTestOptions>]>([
    ['bad-input-series.yml', ['3: ']],
    [
      'bad-promql.yml',
      ['12: expr: "join_1 + on(a) join_2", time: 0s, err: found duplicate series for the match group {a="1"} on the right hand-side'],
    ],
    [
      'bad-rules-syntax-test.yml',
      [
        '6: bad-rules-syntax.yml: 7:15: group "bad-syntax", rule 1, "x": could not parse expression: 1:7: parse error: unexpected end of input',
      ],
    ],
    [
      'bad-rules-error-test.yml',
      ['5: rule: joined, time: 0s, err: found duplicate series for the match group {a="1"} on the right hand-side'],
    ],
    ['failing.yml', ['13: expr: "test", time: 0s, expected test 1, got test 0', '20: ', '33: ', '36: ']],
    ['rules_run.yml', ['26: expr: "test", time: 0s, expected test 1, got test 0']],
    ['rules_run.yml', ['26: '], named('wrong')],
    ['rules_run.yml', ['26: '], named('correct', 'wrong')],
    ['rules_run_extrafields.yml', ['11: rules_extrafields.yml: yaml: line 7: field namespace not found in type rulefmt.RuleGroup', '11: ']],
    ['rules_run_no_fuzzy.yml', ['15: expr: "test_low", time: 0s, expected test_low 3, got test_low 2.9999999999999996', '20: ']],
    ['rules_run_fuzzy.yml', ['34: ', '39: '], named('wrong')],
    ['at-modifier-test.yml', ['5: rule: x, time: 0s, err: @ modifier is disabled'], { features: { atModifier: false } }],
    ['negative-offset-test.yml', ['5: rule: x, time: 0s, err: negative offset is disabled'], { features: { negativeOffset: false } }],
  ])('%s fails', async (file, problems, more) => {
    const found = await failures(file, more)
    expect(found.map((failure, i) => failure.slice(0, problems[i]?.length))).toEqual(problems)
  })
})
