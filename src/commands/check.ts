import { type LoadedConfiguration, showProblems } from '../component/config.ts'
import { type Command, UsageError } from './command.ts'
import { load, sourceFlags } from './sources.ts'

/** Reads and judges, and starts nothing. */
export const check: Command = {
  name: 'check',
  takes: 'FILE…',
  says: 'prints everything that is wrong with configuration files; exit 1 if anything is',
  flags: { config: sourceFlags.config, set: sourceFlags.set, forward: sourceFlags.forward },
  async run(args, outside) {
    const files = [...(args.flags.get('config') ?? []), ...args.rest]
    if (files.length === 0) throw new UsageError('check needs a file', 'write thalamus check FILE')
    const configuration = await load(args, outside)
    if (configuration.warnings.length > 0) outside.complain(`warnings:\n${showProblems(configuration.warnings)}`)
    outside.print([`${files.map(shown).join(', ')}: ok`, ...describePipelines(configuration)].join('\n'))
    return 0
  },
}

/** `yaml:TEXT` is too long to repeat, and may hold what nobody shall read. */
const shown = (file: string) => (file.startsWith('yaml:') ? 'yaml' : file)

/** `metrics: otlp, host -> memory_limiter -> batch -> prometheus` */
export function describePipelines({ service }: LoadedConfiguration): string[] {
  return service.pipelines.map(
    ({ id, receivers, processors, exporters }) => `  ${id}: ${[receivers.join(', '), ...processors, exporters.join(', ')].join(' -> ')}`,
  )
}
