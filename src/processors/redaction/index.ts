import { z } from 'zod'
import { Editing } from '../../attributes/editing.ts'
import { type Consumer, type Context, type Processor, processor } from '../../component/component.ts'
import { refused } from '../../component/settings.ts'
import type { Signal } from '../../model/signal.ts'
import { pattern } from '../../ottl/properties.ts'
import { Redaction } from './redaction.ts'
import { Rules } from './rules.ts'

const hashFunctions = ['', 'md5', 'sha1', 'sha3', 'hmac-sha256', 'hmac-sha512'] as const
/** [bytes] of an HMAC's key at the least */
const keyLengths: Readonly<Record<string, number>> = { 'hmac-sha256': 32, 'hmac-sha512': 64 }

const strings = (what: string) => z.array(z.string()).default([]).describe(what)
const patterns = (what: string) => z.array(pattern()).default([]).describe(what)

const sanitizer = (why: string, more: Readonly<Record<string, z.ZodType>> = {}) =>
  z
    .strictObject({
      enabled: refused(why, 'mask what is secret with blocked_values', [false]),
      attributes: refused(why, 'mask what is secret with blocked_values'),
      ...more,
    })
    .optional()
    .describe('Of the Collector; what asks for nothing is taken.')
const noQueries = 'queries of databases are not taken apart'
const noUrls = 'telling ids from words takes a model of a language'

const config = z
  .strictObject({
    allow_all_keys: z
      .boolean()
      .default(false)
      .describe(
        'Attributes stay whatever their keys. Without it those that are not among `allowed_keys` are removed: all, if there are none.',
      ),
    allowed_keys: strings('Keys of the attributes that stay.'),
    ignored_keys: strings('Keys of attributes that are not looked at.'),
    ignored_key_patterns: patterns('The same, as patterns.'),
    blocked_key_patterns: patterns('Where one matches the key, the whole value is masked.'),
    blocked_values: patterns('What one matches in a value is masked.'),
    allowed_values: patterns('A value that one matches is left as it is.'),
    redact_all_types: z.boolean().default(false).describe('Numbers, booleans, lists and maps are looked at as texts, too.'),
    hash_function: z
      .string()
      .transform(word => word.toLowerCase())
      .pipe(z.enum(hashFunctions))
      .default('')
      .describe('What is masked is replaced by its hash, in hex, instead of `****`: `md5`, `sha1`, `sha3`, `hmac-sha256`, `hmac-sha512`.'),
    hmac_key: z.string().default('').describe('The key of an HMAC: 32 bytes or more, 64 for `hmac-sha512`. Give it as `${env:NAME}`.'),
    summary: z
      .enum(['silent', 'info', 'debug', ''])
      .default('silent')
      .describe('What is told of it in attributes `redaction.*`: nothing, counts (`info`), or the keys too (`debug`).'),
    url_sanitizer: sanitizer(noUrls, { sanitize_span_name: refused(noUrls, 'leave it out', [false, true]) }),
    db_sanitizer: z
      .strictObject({
        sanitize_span_name: refused(noQueries, 'leave it out', [false, true]),
        sql: sanitizer(noQueries),
        redis: sanitizer(noQueries),
        valkey: sanitizer(noQueries),
        memcached: sanitizer(noQueries),
        mongo: sanitizer(noQueries),
        opensearch: sanitizer(noQueries),
        es: sanitizer(noQueries),
      })
      .optional()
      .describe('Of the Collector; what asks for nothing is taken.'),
    decision_cache_size: z
      .int()
      .min(0)
      .max(1_000_000)
      .default(16_384)
      .describe(
        'Ours: distinct attributes whose verdict is kept, about 110 bytes each, a quarter as many bodies, and a sixteenth as many keys; 0 keeps none. When it is full it begins anew, counted as `thalamus_processor_redaction_cache_resets`.',
      ),
  })
  .superRefine((given, ctx) => {
    const least = keyLengths[given.hash_function]
    const length = Buffer.byteLength(given.hmac_key)
    if (least !== undefined && length < least)
      ctx.addIssue({
        code: 'custom',
        path: ['hmac_key'],
        message: `must have ${least} bytes or more for ${given.hash_function}, got ${length}`,
      })
  })
export type Settings = z.infer<typeof config>

const create = <S extends Signal>(signal: S) => {
  return (cx: Context, settings: Settings, next: Consumer<S>): Processor<S> => {
    const redaction = new Redaction(new Rules(settings), settings.decision_cache_size)
    const counter = cx.meter.createObservableCounter('thalamus_processor_redaction_cache_resets', {
      description: 'How often the verdicts on attributes were forgotten because there were too many.',
      unit: '{resets}',
    })
    counter.addCallback(result => result.observe(redaction.resets, { processor: cx.id, signal }))
    return new Editing(signal, cx, next, batch => redaction.changes(batch))
  }
}

export default processor({
  type: 'redaction',
  stability: 'beta',
  config,
  parallel: () => true,
  create: { metrics: create('metrics'), traces: create('traces'), logs: create('logs') },
})
