/** What a user may say: the Collector's frame, and in it Prometheus' own configuration. */
import { z } from 'zod'
import { bytes, duration, refused, withoutEffect } from '../../component/settings.ts'
import { escapings } from '../../exposition/negotiate.ts'
import { actions, defaultRegex, defaultReplacement, defaultSeparator, ruleProblem } from '../../exposition/relabel.ts'
import { credentialsProblem, httpSettings, text } from './http-settings.ts'

export const scrapeProtocols = [
  'PrometheusProto',
  'OpenMetricsText0.0.1',
  'OpenMetricsText1.0.0',
  'PrometheusText0.0.4',
  'PrometheusText1.0.0',
] as const
export type ScrapeProtocol = (typeof scrapeProtocols)[number]

const limit = (says: string) => z.number().int().min(0).optional().describe(`${says} 0: no limit.`)
const labels = () => z.record(z.string(), text())

/** What `global` and a scrape configuration have in common: the one is the other's default. */
const both = () => ({
  scrape_interval: duration({ min: 1 }).optional().describe('How long from one scrape of a target to the next.'),
  scrape_timeout: duration({ min: 1 }).optional().describe('How long one scrape may take; not longer than the interval.'),
  scrape_protocols: z
    .array(z.enum(scrapeProtocols))
    .min(1)
    .refine(list => new Set(list).size === list.length, 'must not name one twice')
    .optional()
    .describe('What targets are asked to answer in, best first.'),
  body_size_limit: bytes().optional().describe('A page that is larger when it is unpacked fails the scrape. 0: no limit but 256 MiB.'),
  sample_limit: limit('More samples than this, after metric relabelling, fail the scrape.'),
  target_limit: limit('More targets than this, after relabelling, fail all scrapes of the job.'),
  label_limit: limit('A series with more labels fails the scrape.'),
  label_name_length_limit: limit('A label with a longer name, in bytes, fails the scrape.'),
  label_value_length_limit: limit('A label with a longer value, in bytes, fails the scrape.'),
  keep_dropped_targets: z
    .number()
    .int()
    .min(0)
    .optional()
    .describe('How many of the targets that relabelling drops are kept, to be shown; all are counted. 0: no limit.'),
  metric_name_validation_scheme: z
    .enum(['utf8', 'legacy'])
    .optional()
    .describe('Whether names may have any character (`utf8`), or a page with such names fails.'),
  metric_name_escaping_scheme: z.enum(escapings).optional().describe('How targets are asked to write names with other characters.'),
  scrape_native_histograms: z
    .boolean()
    .optional()
    .describe('Whether native histograms are taken (they become exponential ones), and protobuf is asked for first.'),
  always_scrape_classic_histograms: z.boolean().optional().describe('Whether the classic buckets of a native histogram are taken too.'),
  convert_classic_histograms_to_nhcb: refused(
    'classic histograms are histograms with explicit bounds in OpenTelemetry already',
    'leave it out',
    [false],
  ),
  extra_scrape_metrics: z
    .boolean()
    .optional()
    .describe('Also `scrape_timeout_seconds`, `scrape_sample_limit` and `scrape_body_size_bytes`.'),
  scrape_failure_log_file: refused('failed scrapes are in the log, not in a file of their own', 'look for "a scrape failed" in the log'),
})

const relabelRule = z
  .strictObject({
    source_labels: z.array(z.string()).optional().describe('The labels whose values are joined.'),
    separator: text().default(defaultSeparator).describe('What stands between them.'),
    regex: text().default(defaultRegex).describe('What the joined values (or names of labels) must match as a whole.'),
    modulus: z.number().int().min(1).optional().describe('Of `hashmod`.'),
    target_label: text().optional().describe('The label that is written.'),
    replacement: text().default(defaultReplacement).describe('What is written; `$1` is the first group. In a file `$` is written `$$`.'),
    action: z
      .string()
      .transform(word => word.toLowerCase())
      .pipe(z.enum(actions))
      .default('replace')
      .describe('What is done.'),
  })
  .superRefine((rule, ctx) => {
    const [setting, message] = ruleProblem(rule, false) ?? []
    if (setting !== undefined) ctx.addIssue({ code: 'custom', path: [setting], message: message ?? '' })
  })
const relabelRules = () => z.array(relabelRule).default([])

export const targetGroup = z.strictObject({
  targets: z.array(z.string()).default([]).describe('`host:port` of each.'),
  labels: labels().default({}).describe('Labels of all of them.'),
})
export type TargetGroup = z.infer<typeof targetGroup>

const sdFile = /^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$/

const fileSd = z.strictObject({
  files: z
    .array(z.string().regex(sdFile, 'must end in .json, .yml or .yaml, with at most one "*", in its last part'))
    .min(1)
    .describe('Files with target groups; `*` in the last part of a path stands for any characters.'),
  refresh_interval: duration({ min: 1000 }).prefault('5m').describe('How often they are read again.'),
})
const httpSd = z
  .strictObject({
    url: z
      .string()
      .refine(url => /^https?:\/\/[^/]/.test(url) && URL.canParse(url), 'must be an address such as "http://localhost:8080/targets"')
      .describe('Who answers with target groups as JSON.'),
    refresh_interval: duration({ min: 1000 }).prefault('1m').describe('How often it is asked.'),
    ...httpSettings(),
  })
  .superRefine(oneWayIn)
const dnsSd = z
  .strictObject({
    names: z.array(z.string().min(1)).min(1).describe('Names to look up.'),
    type: z
      .string()
      .transform(word => word.toUpperCase())
      .pipe(z.enum(['SRV', 'A', 'AAAA', 'MX', 'NS']))
      .default('SRV')
      .describe('The kind of record.'),
    port: z.number().int().min(1).max(65_535).optional().describe('The port of the targets; SRV records have one.'),
    refresh_interval: duration({ min: 1000 }).prefault('30s').describe('How often they are looked up.'),
  })
  .refine(({ type, port }) => type === 'SRV' || port !== undefined, { path: ['port'], message: 'must be set, but for SRV records' })

export type FileSd = z.infer<typeof fileSd>
export type HttpSd = z.infer<typeof httpSd>
export type DnsSd = z.infer<typeof dnsSd>

/** Prometheus' other ways to find targets. */
const otherDiscoveries = [
  ...['aws', 'azure', 'consul', 'digitalocean', 'docker', 'dockerswarm', 'ec2', 'ecs', 'elasticache', 'eureka', 'gce', 'hetzner', 'ionos'],
  ...[
    'kubernetes',
    'kuma',
    'lightsail',
    'linode',
    'marathon',
    'msk',
    'nerve',
    'nomad',
    'oci',
    'openstack',
    'outscale',
    'ovhcloud',
    'puppetdb',
  ],
  ...['rds', 'scaleway', 'serverset', 'stackit', 'triton', 'uyuni', 'vultr'],
]
const noDiscovery = (name: string) =>
  refused(
    `targets are not found in ${name}`,
    'let something that knows them write a file for file_sd_configs, answer to http_sd_configs, or keep names for dns_sd_configs',
  )

function oneWayIn(settings: Parameters<typeof credentialsProblem>[0], ctx: z.RefinementCtx): void {
  const message = credentialsProblem(settings)
  if (message !== undefined) ctx.addIssue({ code: 'custom', message })
}

export const scrapeConfig = z
  .strictObject({
    job_name: text()
      .refine(name => name !== '', 'must not be empty')
      .describe('The label `job` of its series.'),
    ...both(),
    fallback_scrape_protocol: z
      .enum(scrapeProtocols)
      .default('PrometheusText0.0.4')
      .describe('How a page is read whose content type says nothing that is known.'),
    scrape_classic_histograms: refused('it was renamed in Prometheus 3', 'write always_scrape_classic_histograms'),
    metrics_path: z.string().default('/metrics').describe('The path of the page.'),
    scheme: z
      .string()
      .transform(word => word.toLowerCase())
      .pipe(z.enum(['http', 'https']))
      .default('http')
      .describe('`http` or `https`.'),
    params: z.record(z.string(), z.array(text())).default({}).describe('The query of the request.'),
    honor_labels: z
      .boolean()
      .default(false)
      .describe("Whether a page's own label wins over the target's, instead of becoming `exported_…`."),
    honor_timestamps: z.boolean().default(true).describe('Whether the timestamps on a page count, instead of the time of the scrape.'),
    track_timestamps_staleness: z.boolean().default(false).describe('Whether series with timestamps are marked when they vanish.'),
    enable_compression: z.boolean().default(true).describe('Whether targets are asked for gzip.'),
    native_histogram_bucket_limit: limit('A native histogram with more buckets is made coarser, or fails the scrape.'),
    native_histogram_min_bucket_factor: z
      .number()
      .min(0)
      .optional()
      .describe('The least factor from one bucket of a native histogram to the next; finer ones are made coarser. 0: any.'),
    relabel_configs: relabelRules().describe('Rules over the labels of targets, before they are scraped.'),
    metric_relabel_configs: relabelRules().describe('Rules over the labels of series, before they are handed on.'),
    static_configs: z.array(targetGroup).default([]).describe('Targets that are known.'),
    file_sd_configs: z.array(fileSd).default([]).describe('Targets in files.'),
    http_sd_configs: z.array(httpSd).default([]).describe('Targets that a server names.'),
    dns_sd_configs: z.array(dnsSd).default([]).describe('Targets that DNS names.'),
    ...httpSettings(),
    ...(Object.fromEntries(otherDiscoveries.map(name => [`${name}_sd_configs`, noDiscovery(name)])) as Record<never, never>),
  })
  .superRefine(oneWayIn)
export type ScrapeConfig = z.infer<typeof scrapeConfig>

const global = z.strictObject({
  ...both(),
  external_labels: labels().default({}).describe('Labels of every series; they win over all others.'),
  evaluation_interval: noRules(),
  rule_query_offset: noRules(),
  query_log_file: noRules(),
})
export type Global = z.infer<typeof global>

function noRules() {
  return withoutEffect(z.unknown().optional(), 'there are no rules and queries here')
}
const ofServer = (what: string) =>
  refused(`${what} is the work of a Prometheus server`, 'leave it out; what is scraped goes to the exporters of the pipeline')
const withoutServer = () => withoutEffect(z.unknown().optional(), 'it configures a Prometheus server')

export const config = z
  .strictObject({
    config: z
      .strictObject({
        global: global.prefault({}).describe('Defaults of all scrape configurations.'),
        scrape_configs: z.array(scrapeConfig).default([]).describe('What is scraped, and how.'),
        scrape_config_files: z
          .array(z.string().min(1))
          .default([])
          .describe('Files with more `scrape_configs`, read at start; `*` in the last part of a path stands for any characters.'),
        rule_files: ofServer('evaluating rules'),
        alerting: ofServer('alerting'),
        remote_write: ofServer('remote write'),
        remote_read: ofServer('remote read'),
        storage: withoutServer(),
        tracing: withoutServer(),
        otlp: withoutServer(),
        runtime: withoutServer(),
      })
      .describe("Prometheus' own configuration of what is scraped."),
    trim_metric_suffixes: z
      .boolean()
      .default(false)
      .describe('Whether units and `_total` are taken from the end of names: `x_seconds_total` becomes `x`.'),
    scrape_on_shutdown: z.boolean().default(false).describe('Whether every target is scraped once more at shutdown.'),
    initial_scrape_offset: duration()
      .prefault('0s')
      .describe('How long nothing is scraped after the start, beside the offset of each target.'),
    discovery_reload_on_startup: withoutEffect(z.boolean().default(false), 'targets are scraped as soon as they are found'),
    target_allocator: refused(
      'targets are not asked for from an allocator',
      'name its address in http_sd_configs of each job: http://ALLOCATOR/jobs/JOB/targets?collector_id=ID',
    ),
    api_server: refused("Prometheus' page of targets is not served", 'see the series up, and "a scrape failed" in the log'),
  })
  .superRefine(({ config: { scrape_configs, scrape_config_files, global } }, ctx) => {
    const wrong = (path: (string | number)[], message: string) => ctx.addIssue({ code: 'custom', path: ['config', ...path], message })
    if (scrape_configs.length === 0 && scrape_config_files.length === 0) wrong([], 'must have scrape_configs or scrape_config_files')
    const names = new Set<string>()
    for (const [i, job] of scrape_configs.entries()) {
      const at = (setting: string) => ['scrape_configs', i, setting]
      if (names.has(job.job_name)) wrong(at('job_name'), 'must be another one: it is taken')
      names.add(job.job_name)
      for (const [setting, message] of jobProblems(job, global)) wrong(at(setting), message)
    }
  })
export type Settings = z.infer<typeof config>

const defaultInterval = 60_000
const defaultTimeout = 10_000

/** What is wrong only beside the defaults. */
export function jobProblems(job: ScrapeConfig, global: Global): (readonly [setting: string, message: string])[] {
  const problems: (readonly [string, string])[] = []
  const { interval } = timesOf(job, global)
  if (job.scrape_timeout !== undefined && job.scrape_timeout > interval)
    problems.push(['scrape_timeout', 'must not be longer than the interval'])
  const legacy = (job.metric_name_validation_scheme ?? global.metric_name_validation_scheme) === 'legacy'
  if (legacy && job.metric_name_escaping_scheme === 'allow-utf-8')
    problems.push(['metric_name_escaping_scheme', 'must be another one: names with UTF-8 would fail the scrape'])
  return problems
}

/** [ms] */
export function timesOf(job: ScrapeConfig, global: Global): { interval: number; timeout: number } {
  const interval = job.scrape_interval ?? global.scrape_interval ?? defaultInterval
  return { interval, timeout: job.scrape_timeout ?? Math.min(global.scrape_timeout ?? defaultTimeout, interval) }
}
