/** What the application prints with `console` as log records, beside what is printed, with the ids of the current span. */
import { format } from 'node:util'
import { type Logger, SeverityNumber } from '@opentelemetry/api'
import type { Spending } from './spending.ts'

const levels = {
  trace: SeverityNumber.TRACE,
  debug: SeverityNumber.DEBUG,
  log: SeverityNumber.INFO,
  info: SeverityNumber.INFO,
  warn: SeverityNumber.WARN,
  error: SeverityNumber.ERROR,
} as const
/** [characters] of one record; the rest stays on the terminal */
const maxBody = 65_536

/** @returns what ends it */
export function watchConsole(logger: Logger, of: Console = console, spending?: Spending): Disposable {
  let recording = false
  const originals = Object.entries(levels).map(([name, severityNumber]) => {
    const method = name as keyof typeof levels
    const original = of[method]
    const severityText = method === 'log' ? 'INFO' : method.toUpperCase()
    const recorded = function (this: unknown, ...args: unknown[]): void {
      Reflect.apply(original, this, args)
      // What prints while it is recorded (a getter of what is shown, the SDK's own complaints) is not recorded itself.
      if (recording) return
      recording = true
      try {
        const emit = () => logger.emit({ severityNumber, severityText, body: format(...args).slice(0, maxBody) })
        if (spending === undefined) emit()
        else spending.timed(emit)
      } catch {
      } finally {
        recording = false
      }
    }
    Object.defineProperty(recorded, 'name', { value: method })
    of[method] = recorded
    return [method, original, recorded] as const
  })
  return {
    [Symbol.dispose]() {
      for (const [method, original, recorded] of originals) if (of[method] === recorded) of[method] = original
    },
  }
}
