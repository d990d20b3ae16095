import { Lint } from '../exposition/lint.ts'
import { OpenRules } from '../exposition/open-rules.ts'
import type { ExpositionError } from '../exposition/read.ts'
import { readTextPage } from '../exposition/read-text.ts'
import { type Arguments, type Outside, UsageError } from './command.ts'

/** `check metrics`: an exposition from standard input, and everything that is wrong with it, by line. */
export async function checkMetrics(args: Arguments, outside: Outside): Promise<number> {
  const extra = args.rest[1]
  if (extra !== undefined)
    throw new UsageError(`check metrics takes no ${JSON.stringify(extra)}`, 'it reads standard input: thalamus check metrics < FILE')
  const page = Buffer.from(await outside.read('-'))
  const findings = args.flags.has('openmetrics') ? openFindings(page) : textFindings(page)
  for (const finding of findings) outside.complain(finding)
  return findings.length === 0 ? 0 : 1
}

function textFindings(page: Buffer): string[] {
  const lint = new Lint()
  readTextPage(page, lint, false)
  return lint.findings.map(({ line, metric, says }) => `${line}: ${metric === '' ? '' : `${metric} `}${says}`)
}

function openFindings(page: Buffer): string[] {
  const errors: ExpositionError[] = []
  const rules = new OpenRules(error => errors.push(error))
  readTextPage(page, rules, true)
  rules.end()
  return errors.toSorted((a, b) => a.line - b.line).map(({ line, message }) => `${line}: ${message}`)
}
