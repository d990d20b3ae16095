/** Every query that the stack asks of Prometheus: of its alerts and of its dashboards. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { ROOT } from '../../demo/local.ts'

export interface Query {
  /** file and title */
  readonly where: string
  readonly expr: string
}
interface Panel {
  readonly title: string
  readonly targets?: readonly { expr: string }[]
}
interface Rule {
  readonly alert: string
  readonly expr: string
}

const read = (file: string) => readFileSync(join(ROOT, file), 'utf8')

/** Grafana's variables say what they say with everything chosen. */
export const dashboardQueries: readonly Query[] = globSync('grafana/dashboards/*.json', { cwd: ROOT }).flatMap(file =>
  (JSON.parse(read(file)).panels as Panel[]).flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      where: `${file}: ${title}`,
      expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$job', '.+'),
    })),
  ),
)

export const ruleQueries: readonly Query[] = globSync('prometheus/rules/*.yml', { cwd: ROOT }).flatMap(file =>
  (parse(read(file)).groups as { rules: Rule[] }[]).flatMap(({ rules }) =>
    rules.map(({ alert, expr }) => ({ where: `${file}: ${alert}`, expr })),
  ),
)

const words = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'and', 'or', 'unless', 'bool', 'offset'])

/** Of the shape that is written here: names of labels are in braces, or in parentheses behind `by` and its like. */
export function metricNames(expr: string): string[] {
  const bare = expr
    .replaceAll(/"[^"]*"/g, '')
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
  return [...bare.matchAll(/(?<![\w.])[a-zA-Z_:][\w:]*(?!\s*\(|\w)/g)].map(([name]) => name).filter(name => !words.has(name))
}
