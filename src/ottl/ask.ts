/** Several conditions as one question, and what becomes of values that cannot be had: `error_mode`. */
import { z } from 'zod'
import type { Context } from '../component/component.ts'
import { PermanentError } from '../component/errors.ts'
import { quietMs } from '../component/trouble.ts'
import { type Ask, type Condition, condition, OttlError, routeCondition, ValueError } from './condition.ts'
import type { Place } from './place.ts'

export const errorModes = ['ignore', 'silent', 'propagate'] as const
export type ErrorMode = (typeof errorModes)[number]

/** Whether one of them holds. `onError` hears of what could not be evaluated and counts as not holding, unless it throws. */
export function anyOf(conditions: readonly Condition[], onError: (error: Error, text: string) => void): (at: Place) => boolean {
  return at => {
    for (const { test, text } of conditions) {
      try {
        if (test(at)) return true
      } catch (error) {
        if (!(error instanceof ValueError)) throw error
        onError(error, text)
      }
    }
    return false
  }
}

/** What `error_mode` says of a value that cannot be had. One condition is logged at most every half minute, with how many were held back. */
export function onValueError(cx: Pick<Context, 'id' | 'log' | 'clock'>, mode: ErrorMode): (error: Error, text: string) => void {
  const said = new Map<string, { at: number; suppressed: number }>()
  return (error, text) => {
    if (mode === 'propagate') throw new PermanentError(`${cx.id}: ${text}: ${error.message}`, { cause: error })
    if (mode === 'silent') return
    const now = cx.clock.monotonic()
    const before = said.get(text)
    if (before !== undefined && now - before.at < quietMs) {
      before.suppressed++
      return
    }
    said.set(text, { at: now, suppressed: 0 })
    const suppressed = before === undefined || before.suppressed === 0 ? {} : { suppressed: before.suppressed }
    cx.log.warn({ condition: text, error: error.message, ...suppressed }, 'a condition could not be evaluated')
  }
}

/** A condition in a configuration: checked where it stands, told with the column in it. */
export const conditionText = (ask: Ask) => checked(text => condition(text, ask))
/** The same, for the statement `route() where …`. */
export const statementText = (ask: Ask) => checked(text => routeCondition(text, ask))

const checked = (compile: (text: string) => unknown) =>
  z.string().superRefine((text, ctx) => {
    try {
      compile(text)
    } catch (error) {
      if (!(error instanceof OttlError)) throw error
      ctx.addIssue({ code: 'custom', message: `column ${error.at + 1}: ${error.message}`, params: { remedy: error.remedy } })
    }
  })
