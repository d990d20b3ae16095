/** Whose a series is: which of its labels speak of the resource and of the scope, and are no attributes of its points. */
import { scrapedScope } from '../../exposition/describe.ts'
import type { Label } from '../../exposition/labels.ts'

/** of what names none of its own */
export const scopeName = scrapedScope

/** Labels that are no attributes of a point. */
export const outside: ReadonlySet<string> = new Set(['__scheme__', '__metrics_path__'])
export const scopePrefix = 'otel_scope_'

export interface Scope {
  readonly name: string
  readonly version: string
  readonly schemaUrl: string
  readonly attributes: readonly Label[]
}

const defaultScope: Scope = { name: scopeName, version: '', schemaUrl: '', attributes: [] }

export function scopeOf(labels: readonly Label[]): Scope {
  const of = new Map(
    labels.filter(([label]) => label.startsWith(scopePrefix)).map(([label, value]) => [label.slice(scopePrefix.length), value]),
  )
  if (of.size === 0) return defaultScope
  const { name = '', version = '', schema_url: schemaUrl = '', ...rest } = Object.fromEntries(of)
  return { name, version, schemaUrl, attributes: Object.entries(rest) }
}

/** What a job and an instance are in OpenTelemetry's words. */
export function resourceAttributes(job: string, instance: string): Label[] {
  const split = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(instance)
  const host = split === null ? instance : (split[1] ?? split[2] ?? '')
  return [
    ['service.name', job],
    ...(tellsWhere(host) ? [['server.address', host] as const] : []),
    ['service.instance.id', instance],
    ['server.port', split?.[3] ?? ''],
  ]
}

/** Not where every host has that name. */
function tellsWhere(host: string): boolean {
  return host !== 'localhost' && !/^127\.\d+\.\d+\.\d+$/.test(host) && !['::1', '0.0.0.0', '::'].includes(host)
}
