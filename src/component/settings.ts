/**
 * Building blocks for the schemas of components. Every setting has a description (its row in the README table) and a default,
 * or is optional or required on purpose. Schemas are strict objects: an unknown setting is refused.
 */
import { z } from 'zod'
import { parseBytes } from '../lib/bytes.ts'
import { parseDuration } from '../lib/duration.ts'

/** Written `5s`, `200ms`, `1m30s`, or a plain 0; read as milliseconds. Give defaults with `.prefault('5s')`. */
export const duration = (options: { min?: number } = {}) =>
  z
    .union([z.string(), z.literal(0)])
    .transform((value, ctx) => {
      const ms = parseDuration(String(value))
      if (ms === undefined) {
        ctx.addIssue({ code: 'custom', message: 'must be a duration such as "5s", "200ms" or "1m30s"' })
        return z.NEVER
      }
      if (ms < (options.min ?? 0)) {
        ctx.addIssue({ code: 'custom', message: (options.min ?? 0) === 0 ? 'must not be negative' : `must be at least ${options.min}ms` })
        return z.NEVER
      }
      return ms
    })
    .meta({ format: 'duration' })

/** Written as a number of bytes or `64MiB`; read as bytes. Give defaults with `.prefault('64MiB')`. */
export const bytes = () =>
  z
    .union([z.number().int().min(0), z.string()])
    .transform((value, ctx) => {
      const size = typeof value === 'number' ? value : parseBytes(value)
      if (size === undefined) {
        ctx.addIssue({ code: 'custom', message: 'must be a size such as 1048576 or "64MiB"' })
        return z.NEVER
      }
      return size
    })
    .meta({ format: 'bytes' })

/** A `host:port` to listen on or to connect to. */
export const endpoint = () =>
  z
    .string()
    .regex(
      /^(\[[0-9a-fA-F:.%]+\]|[^:\s/]*):(\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$/,
      'must be "host:port", for example "127.0.0.1:4318"',
    )
    .meta({ format: 'endpoint' })

/**
 * A setting of the Collector that we do not have: whoever gives it is told why, and what to do instead. It has no row
 * in a README: docs/collector-compat.md has it.
 * @param why ends "not supported: …"
 * @param except values that ask for nothing, and so change nothing
 */
export const refused = (why: string, remedy: string, except: readonly (string | number | boolean)[] = []) =>
  z
    .unknown()
    .superRefine((value, ctx) => {
      const asksForNothing = value === undefined || value === null || except.some(allowed => allowed === value)
      if (!asksForNothing) ctx.addIssue({ code: 'custom', message: `${refusal}${why}`, params: { remedy } })
    })
    .optional()
    .meta({ refused: why, remedy, except, description: `Not supported: ${why}; ${remedy}.` })

/**
 * Words of the Collector's that cannot be chosen here are refused with a reason.
 * @param not word → why not, what to do
 */
export const choice = <const W extends string>(
  words: readonly W[],
  not: Readonly<Record<string, readonly [why: string, remedy: string]>>,
) =>
  z
    .enum([...words, ...Object.keys(not)])
    .superRefine((word, ctx) => {
      const [why, remedy] = not[word] ?? []
      if (why !== undefined) ctx.addIssue({ code: 'custom', message: `${refusal}${why}`, params: { remedy } })
    })
    .transform(word => word as W)

/** HTTP headers, as a map or as the Collector's newer list of `name` and `value`; read as a map. */
export const headerMap = () =>
  z
    .union([
      z.record(z.string().min(1), z.string()),
      z.array(z.strictObject({ name: z.string().min(1).describe('The name.'), value: z.string().describe('The value.') })),
    ])
    .transform(
      (headers): Readonly<Record<string, string>> =>
        Array.isArray(headers) ? Object.fromEntries(headers.map(({ name, value }) => [name, value])) : headers,
    )

/** What every refusal begins with. */
export const refusal = 'not supported: '

/** A setting of the Collector that is checked, and then changes nothing, because there is nothing here that it could change. */
export const withoutEffect = <S extends z.ZodType>(schema: S, why: string): S =>
  schema.meta({ ...schema.meta(), noEffect: why, description: `No effect: ${why}` }) as S

export function splitEndpoint(text: string): { host: string; port: number } {
  const at = text.lastIndexOf(':')
  const host = text.slice(0, at).replace(/^\[|\]$/g, '')
  return { host: host === '' ? '0.0.0.0' : host, port: Number(text.slice(at + 1)) }
}
