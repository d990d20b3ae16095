/** The main job: runs a configuration until somebody asks it to stop. */
import type { App, Undelivered } from '../app.ts'
import { showPosition } from '../component/config/problems.ts'
import { type LoadedConfiguration, mergedText } from '../component/config.ts'
import { ConfigError } from '../component/errors.ts'
import { known, readConfiguration } from '../components.ts'
import { rowWord } from '../model/signal.ts'
import { type Arguments, type Command, type Outside, UsageError } from './command.ts'
import { defaultName } from './default.ts'
import { greeting } from './greeting.ts'
import { load, sourceFlags, wanted } from './sources.ts'

export const run: Command = {
  name: 'run',
  says: 'runs a configuration; without --config, the default one',
  flags: { ...sourceFlags, 'print-config': { says: 'prints the configuration as it was written, merged, and starts nothing' } },
  async run(args, outside) {
    const remembering = rememberingStandardInput(outside)
    const { sources, options } = await wanted(args, remembering)
    const configuration = await readConfiguration(sources, options)
    if (args.flags.has('print-config')) {
      const untouched =
        sources[0]?.name === defaultName && options.sets?.length === 0 && options.forward === undefined && options.store === undefined
      outside.print((untouched ? sources[0]!.text : mergedText(sources, { ...options, ...(await known(sources, options)) })).trimEnd())
      return 0
    }
    return runUntilStopped(configuration, outside, () => loadAgain(args, remembering))
  },
}

/** Standard input can be read only once, and a reload wants it again. */
function rememberingStandardInput(outside: Outside): Outside {
  let standardInput: Promise<string> | undefined
  return { ...outside, read: path => (path === '-' ? (standardInput ??= outside.read(path)) : outside.read(path)) }
}

/** @throws {ConfigError} whatever is wrong */
async function loadAgain(args: Arguments, outside: Outside): Promise<LoadedConfiguration> {
  try {
    return await load(args, outside)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const { message, remedy } = error
    throw new ConfigError([{ path: [], message, ...(remedy === undefined ? {} : { remedy }) }])
  }
}

/** The exit code after an error that nothing handled: EX_SOFTWARE of sysexits.h, so that a supervisor can tell it from a wrong file. */
const bugExit = 70
/** Of errors that nothing handled so many are logged; a callback that throws again and again must not fill the disk. */
const maxBugsSaid = 10
/** [ms] beside the time of the shutdown */
const bugGraceMs = 5_000

async function runUntilStopped(
  configuration: LoadedConfiguration,
  outside: Outside,
  again: () => Promise<LoadedConfiguration>,
): Promise<number> {
  const log = outside.log('service', configuration.service.telemetry.logs)
  for (const { at, path, message, remedy, aside } of configuration.warnings) {
    const facts = { where: `${showPosition(at)}: ${path.join('.')}`, what: message, remedy }
    if (aside) log.info(facts, 'the configuration has an older word')
    else log.warn(facts, 'the configuration may not be what was meant')
  }
  // Whoever asks to stop while we start shall not be forgotten.
  const stop = Promise.withResolvers<string>()
  let asked = 0
  using _stopping = outside.onStop(signal => {
    if (++asked === 1) return stop.resolve(signal)
    outside.complain('stopped at once: it was asked to twice\n  what was held and is on no disk is lost')
    outside.exit(1)
  })
  let app: App | undefined
  let bugs = 0
  // What was left half done cannot be known, so nothing more is taken; what is held is still sent, and the supervisor starts anew.
  using _bugs = outside.onBug(error => {
    if (++bugs <= maxBugsSaid)
      log.error({ err: error }, 'a bug: an error that nothing handled; what is held is sent, then this process ends')
    app?.failed()
    if (bugs > 1) return
    outside.exit(bugExit, 2 * configuration.service.shutdownTimeoutMs + bugGraceMs)
    stop.resolve('bug')
  })
  // What comes of it is in the log: whoever sends a signal hears nothing. Before there is something to reload, it is not heard.
  using _reloading = outside.onReload(() => void app?.reload().catch(() => {}))
  app = await outside.start(configuration, again)
  outside.print(greeting(app, configuration, outside.version).join('\n'))
  const signal = await stop.promise
  log.info({ signal }, 'shutting down')
  const code = farewell(await app.shutdown(), outside)
  return bugs > 0 ? bugExit : code
}

function farewell(undelivered: Awaited<ReturnType<App['shutdown']>>, outside: Outside): number {
  if (undelivered.length === 0) outside.print('stopped: all that was held was delivered')
  else outside.complain(['stopped: not everything was delivered', ...undelivered.map(show)].join('\n'))
  return undelivered.length === 0 ? 0 : 1
}

const show = ({ exporter, signal, rows }: Undelivered) => `  ${exporter}: ${rows} ${rowWord[signal].replace('_', ' ')} dropped (shutdown)`
