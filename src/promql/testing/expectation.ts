/** What a test expects of a query: the lines below `eval`. */

import { Re2, RegexError } from '../../lib/re2.ts'
import type { Labels } from '../../model/labels.ts'
import type { Sequence } from './sequence.ts'

export interface Expectation {
  /** The vector comes in the order in which the series are written. */
  ordered: boolean
  /** The query fails, with a message that each of these matches. */
  readonly fails: TextTest[]
  readonly warnings: AnnotationTests
  readonly infos: AnnotationTests
  /** by the key of the labels; of two lines about one series the later counts */
  readonly series: Map<string, ExpectedSeries>
  scalar: number | undefined
  string: string | undefined
  /** The result of an instant query is a range vector, with points on this grid [ms]. */
  points: Points | undefined
}

export interface ExpectedSeries {
  readonly labels: Labels
  readonly values: Sequence
  /** among the expected series, from 0 */
  readonly position: number
}

export interface Points {
  readonly start: number
  readonly end: number
  readonly step: number
}

/** Each of `some` matches an annotation, and each annotation one of them; `none`: there is no annotation. Neither: it does not matter. */
export interface AnnotationTests {
  readonly some: TextTest[]
  none: boolean
}

/** What a text must be. */
export interface TextTest {
  readonly says: string
  readonly matches: (text: string) => boolean
}

/** What `eval_fail` and the like ask for. */
export const anyText: TextTest = { says: 'any text', matches: () => true }

export const noExpectation = (): Expectation => ({
  ordered: false,
  fails: [],
  warnings: { some: [], none: false },
  infos: { some: [], none: false },
  series: new Map(),
  scalar: undefined,
  string: undefined,
  points: undefined,
})

export const exactly = (wanted: string): TextTest => ({ says: JSON.stringify(wanted), matches: text => text === wanted })

/** @throws {RegexError} */
export function matching(pattern: string): TextTest {
  const regex = new Re2(pattern)
  return { says: `a match of ${JSON.stringify(pattern)}`, matches: text => regex.test(text) }
}

const form = /^expect[\t ]+(ordered|fail|warn|no_warn|info|no_info)(?:[\t ]+(regex|msg):(.+))?$/s

/** Adds one line that begins with `expect` and names what. @returns what is wrong with it */
export function expectLine(line: string, expected: Expectation): string | undefined {
  const [, what, how, text] = form.exec(line) ?? []
  switch (what) {
    case undefined:
      return 'expected expect ordered, fail, warn, no_warn, info or no_info, then perhaps msg:TEXT or regex:PATTERN'
    case 'ordered':
      expected.ordered = true
      return undefined
    case 'no_warn':
      return none(expected.warnings, 'warn')
    case 'no_info':
      return none(expected.infos, 'info')
    case 'fail':
      if (expected.fails.some(test => test !== anyText)) return 'a second expect fail'
      return withTest(how, text, test => void expected.fails.push(test))
    default: {
      const tests = what === 'warn' ? expected.warnings : expected.infos
      if (tests.none) return `expect ${what} beside expect no_${what}`
      return withTest(how, text, test => void tests.some.push(test))
    }
  }
}

function none(tests: AnnotationTests, what: string): string | undefined {
  tests.none = true
  return tests.some.length > 0 ? `expect no_${what} beside expect ${what}` : undefined
}

function withTest(how: string | undefined, text: string | undefined, use: (test: TextTest) => void): string | undefined {
  if (text === undefined) use({ ...anyText })
  else if (how === 'msg') use(exactly(text.trim()))
  else {
    try {
      use(matching(text.trim()))
    } catch (error) {
      if (!(error instanceof RegexError)) throw error
      return `not a regular expression: ${error.message}`
    }
  }
  return undefined
}
