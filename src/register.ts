/**
 * `node --import thalamus/register app.js` instruments a service with no change to its code.
 * This file is what each process, and each thread of it, pays at the least: everything else is loaded only where there is something to do.
 */
import { isMainThread } from 'node:worker_threads'
import type { Embedding } from './register/embedding.ts'
import type { Embed, Settings } from './register/settings.ts'

const env = process.env
/** What installs and starts programs is no service: with NODE_OPTIONS it comes by here before the service does. */
const isTool = /[\\/](npm|npx|pnpm|pnpx|yarn|corepack)(-cli)?(\.[cm]?js)?$/.test(process.argv[1] ?? '')

if (isMainThread && !isTool && env['OTEL_SDK_DISABLED']?.trim().toLowerCase() !== 'true') {
  try {
    const { keepTickShape } = await import('./lib/ticks.ts')
    keepTickShape()
    const { readSettings } = await import('./register/settings.ts')
    const settings = readSettings(env)
    const embedding = settings.embed && embed(settings, settings.embed)
    // Whoever waits for it hears of it.
    embedding?.catch(() => {})
    const { begin } = await import('./register/begin.ts')
    await begin(settings, embedding)
  } catch (error) {
    // A service never fails because its telemetry does.
    process.stderr.write(`thalamus: this process is not instrumented: ${error instanceof Error ? error.message : error}\n`)
  }
}

/** Its thread starts while this one loads the SDK. */
async function embed(settings: Settings, how: Embed): Promise<Embedding> {
  const { beginEmbedding } = await import('./register/embedding.ts')
  return beginEmbedding(how, { env, setVariable: (name, value) => void (env[name] = value), settings })
}
