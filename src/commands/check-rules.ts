import { Labels } from '../model/labels.ts'
import { parseRuleFile, type RuleFile } from '../rules/file.ts'
import { type Arguments, type Outside, UsageError } from './command.ts'

/** `check rules FILE…`: rule files, and everything that is wrong with them. Two rules that give the same series are told, and are no error. */
export async function checkRules(args: Arguments, outside: Outside): Promise<number> {
  const files = args.rest.slice(1)
  if (files.length === 0) throw new UsageError('check rules needs a file', 'write thalamus check rules FILE…')
  let failed = false
  for (const path of files) {
    const result = await read(path, outside)
    if ('file' in result) {
      const count = result.file.groups.reduce((sum, { rules }) => sum + rules.length, 0)
      for (const warning of [...result.warnings, ...duplicates(result.file)]) outside.complain(`${path}: warning: ${warning}`)
      outside.print(`${path}: ok, ${count} rule${count === 1 ? '' : 's'}`)
    } else {
      failed = true
      for (const problem of result.problems) outside.complain(`${path}: ${problem}`)
    }
  }
  return failed ? 1 : 0
}

async function read(path: string, outside: Outside): Promise<ReturnType<typeof parseRuleFile>> {
  try {
    return parseRuleFile(await outside.read(path))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    return { problems: [code === 'ENOENT' ? 'there is no such file' : error instanceof Error ? error.message : String(error)] }
  }
}

/** Rules of one name and the same labels, in whatever group. */
function duplicates({ groups }: RuleFile): string[] {
  const counts = new Map<string, number>()
  for (const rule of groups.flatMap(({ rules }) => rules)) {
    const name = rule.kind === 'recording' ? rule.record : rule.alert
    const labels = [...Labels.of(rule.labels)].map(([label, value]) => `${label}=${JSON.stringify(value)}`)
    const series = `${name}{${labels.join(', ')}}`
    counts.set(series, (counts.get(series) ?? 0) + 1)
  }
  return [...counts]
    .filter(([, count]) => count > 1)
    .map(([series, count]) => `${count} rules are ${series}, and may write the same series`)
}
