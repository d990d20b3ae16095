/** Credentials of outgoing requests: the extension that a component names with `auth`. */
import { z } from 'zod'
import type { Authenticator, Context } from './component.ts'
import { StartError } from './errors.ts'

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
