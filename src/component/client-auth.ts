/** Credentials of outgoing requests: the extension that a component names with `auth`. */
import { z } from 'zod'
import type { Authenticator, Context } from './component.ts'
import { StartError } from './errors.ts'
import { refused, withoutEffect } from './settings.ts'

export const authSettings = () =>
  z
    .strictObject({ authenticator: z.string().describe('The id of an extension that authenticates.') })
    .optional()
    .describe('Who adds credentials to every request.')

export type AuthSettings = z.infer<ReturnType<typeof authSettings>>

/**
 * Asked at start, when extensions run.
 * @param where e.g. `exporters.otlp_http`
 * @throws {StartError} when there is no such extension
 */
export function authenticatorOf(settings: AuthSettings, cx: Context, where: string): Authenticator | undefined {
  if (settings === undefined) return undefined
  const found = cx.authenticator(settings.authenticator)
  if (found !== undefined) return found
  throw new StartError(`${where}.auth.authenticator: no running extension is called ${JSON.stringify(settings.authenticator)}`, {
    remedy: 'list it in service.extensions',
  })
}

/** Of every client, in the Collector's words; what a client of ours has no use for. */
export const clientSettings = () => ({
  read_buffer_size: withoutEffect(z.number().int().min(0).optional(), 'Node has buffers of its own'),
  write_buffer_size: withoutEffect(z.number().int().min(0).optional(), 'Node has buffers of its own'),
  middlewares: refused('there are no middleware extensions here', 'leave it out'),
})
