import { ConfigFileError, type LoadedConfiguration, showProblems } from '../component/config.ts'
import { readRuleFiles } from '../rules/service.ts'
import { checkMetrics } from './check-metrics.ts'
import { checkRules } from './check-rules.ts'
import { type Arguments, type Command, type Outside, UsageError } from './command.ts'
import { load, sourceFlags } from './sources.ts'

/** Reads and judges, and starts nothing. */
export const check: Command = {
  name: 'check',
  takes: 'FILE… | metrics | rules FILE…',
  says: 'prints everything that is wrong with configuration files, with metrics on standard input, or with rule files of Prometheus; exit 1 if anything is',
  flags: {
    config: sourceFlags.config,
    set: sourceFlags.set,
    forward: sourceFlags.forward,
    store: sourceFlags.store,
    'feature-gates': sourceFlags['feature-gates'],
    openmetrics: { says: 'with metrics: they are OpenMetrics, not the Prometheus text format' },
  },
  async run(args, outside) {
    if (args.rest[0] === 'metrics') return checkMetrics(args, outside)
    if (args.rest[0] === 'rules') return checkRules(args, outside)
    if (args.flags.has('openmetrics')) throw new UsageError('--openmetrics is for metrics', 'write thalamus check metrics --openmetrics')
    const files = [...(args.flags.get('config') ?? []), ...args.rest]
    if (files.length === 0) throw new UsageError('check needs a file', 'write thalamus check FILE')
    const configuration = await loadOrComplain(args, outside)
    if (configuration === undefined) return 1
    const ruleFiles = await readRules(configuration, outside)
    if (configuration.warnings.length > 0) outside.complain(`warnings:\n${showProblems(configuration.warnings, Number.POSITIVE_INFINITY)}`)
    outside.print(
      [`${files.map(shown).join(', ')}: ok`, ...describePipelines(configuration), ...ruleFiles.map(({ path }) => `  rules: ${path}`)].join(
        '\n',
      ),
    )
    return 0
  },
}

/** Says all that is wrong, however much it is; a start says the first of it. */
async function loadOrComplain(args: Arguments, outside: Outside): Promise<LoadedConfiguration | undefined> {
  try {
    return await load(args, outside)
  } catch (error) {
    if (!(error instanceof ConfigFileError)) throw error
    outside.complain(showProblems(error.problems, Number.POSITIVE_INFINITY))
    return undefined
  }
}

/** @throws {ConfigError} with everything that is wrong with the files of rules that it names */
export function readRules({ service: { rules, query } }: LoadedConfiguration, outside: Outside) {
  const read = async (path: string) => Buffer.from(outside.readSync(path))
  return readRuleFiles(rules, query, { read, list: async folder => [...outside.listSync(folder)] })
}

/** What somebody types who comes from the Collector. */
export const validate: Command = {
  name: 'validate',
  takes: 'FILE…',
  says: "the same as check, in the Collector's word: thalamus validate --config FILE",
  flags: { config: sourceFlags.config, set: sourceFlags.set, 'feature-gates': sourceFlags['feature-gates'] },
  run: (args, outside) => check.run(args, outside),
}

/** `yaml:TEXT` is too long to repeat, and may hold what nobody shall read. */
const shown = (file: string) => (file.startsWith('yaml:') ? 'yaml' : file)

/** `metrics: otlp, host -> memory_limiter -> batch -> prometheus` */
export function describePipelines({ service }: LoadedConfiguration): string[] {
  return service.pipelines.map(
    ({ id, receivers, processors, exporters }) => `  ${id}: ${[receivers.join(', '), ...processors, exporters.join(', ')].join(' -> ')}`,
  )
}
