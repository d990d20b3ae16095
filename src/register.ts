/**
 * `node --import thalamus/register app.js` instruments a service with no change to its code.
 * This file is what each process, and each thread of it, pays at the least: everything else is loaded only where there is something to do.
 */
import { isMainThread } from 'node:worker_threads'

const env = process.env
/** What installs and starts programs is no service: with NODE_OPTIONS it comes by here before the service does. */
const isTool = /[\\/](npm|npx|pnpm|pnpx|yarn|corepack)(-cli)?(\.[cm]?js)?$/.test(process.argv[1] ?? '')

if (isMainThread && !isTool && env['OTEL_SDK_DISABLED']?.trim().toLowerCase() !== 'true') {
  try {
    const { begin } = await import('./register/begin.ts')
    await begin(env)
  } catch (error) {
    // A service never fails because its telemetry does.
    process.stderr.write(`thalamus: this process is not instrumented: ${error instanceof Error ? error.message : error}\n`)
  }
}
