/** What the pipeline inside the service would do, found out without starting it: its configuration as `check` reads it, and its ports. */
import { isAbsolute, join } from 'node:path'
import { ConfigFileError, type LoadedConfiguration, showProblems } from '../component/config.ts'
import { ConfigError } from '../component/errors.ts'
import { splitEndpoint } from '../component/settings.ts'
import { readConfiguration } from '../components.ts'
import { signals } from '../model/signal.ts'
import type { Finding } from '../register/examination.ts'
import type { Embed } from '../register/settings.ts'
import { readRules } from './check.ts'
import { type Outside, UsageError } from './command.ts'
import { embeddedConfiguration } from './default.ts'
import { load } from './sources.ts'

const what = 'the pipeline in this process'
const goesOn = 'as it is, the service runs without it, and sends over OTLP'

const indented = (text: string) => text.replaceAll('\n', '\n      ')

/** `folder`: where the service is started */
export async function examineEmbedded(embed: Embed, folder: string, outside: Outside): Promise<Finding[]> {
  if (embed.configs.length === 0) return examineDefault(embed, outside)
  const files = embed.configs.map(path => (isAbsolute(path) ? path : join(folder, path)))
  try {
    const configuration = await load({ flags: new Map([['config', files]]), rest: [] }, outside)
    await readRules(configuration, outside)
    const warned = configuration.warnings.map((of): Finding => ({ is: 'good', says: `${what}: ${indented(showProblems([of]))}` }))
    return [taking(configuration, embed.configs.join(', ')), ...warned, ...(await examinePorts(configuration, outside))]
  } catch (error) {
    if (error instanceof ConfigFileError || error instanceof ConfigError)
      return [{ is: 'bad', says: `${what}: ${indented(error.message)}`, remedy: goesOn }]
    if (error instanceof UsageError) return [{ is: 'bad', says: `${what}: ${error.message}`, remedy: `check THALAMUS_CONFIG; ${goesOn}` }]
    throw error
  }
}

/** Ports that are taken are left for the next free ones. */
async function examineDefault({ forward }: Embed, outside: Outside): Promise<Finding[]> {
  const free = (port: number) => outside.firstFree(port, '127.0.0.1')
  const ports = { otlp: await free(4318), page: await free(9464) }
  const text = embeddedConfiguration(ports, forward)
  const moved = (port: number, from: number) => `${port}${port === from ? '' : ` (${from} is taken)`}`
  const read = await readConfiguration([{ name: 'embedded configuration', text }], { sets: [], env: {} })
  return [
    taking(read, 'without a file'),
    { is: 'good', says: `${what}: OTLP on port ${moved(ports.otlp, 4318)}, the page of metrics on port ${moved(ports.page, 9464)}` },
  ]
}

function taking({ service }: LoadedConfiguration, from: string): Finding {
  const isTaken = (id: string) => id.split('/')[0] === 'otlp'
  const takes = signals.filter(signal => service.pipelines.some(of => of.signal === signal && of.receivers.some(isTaken)))
  const not = signals.filter(signal => !takes.includes(signal))
  const says = `${what}: ${from}: takes ${takes.join(', ') || 'nothing'}${not.length === 0 ? '' : `; not recorded: ${not.join(', ')}`}`
  return takes.length > 0 ? { is: 'good', says } : { is: 'bad', says, remedy: 'list a receiver otlp in a pipeline of each signal' }
}

async function examinePorts(configuration: LoadedConfiguration, outside: Outside): Promise<Finding[]> {
  const found: Finding[] = []
  for (const { setting, host, port } of placesOf(configuration)) {
    if (port === 0 || (await outside.firstFree(port, host)) === port) continue
    const remedy = `stop the other program, or set ${setting}; ${goesOn}`
    found.push({ is: 'bad', says: `${what}: ${setting}: ${host}:${port} is taken`, remedy })
  }
  return found
}

/** Where what is used would listen: receivers otlp, pages of metrics, and what the service itself serves. */
function placesOf({ receivers, exporters, service }: LoadedConfiguration): { setting: string; host: string; port: number }[] {
  const used = new Set(service.pipelines.flatMap(of => [...of.receivers, ...of.exporters]))
  const at = (setting: string, endpoint: unknown) => (typeof endpoint === 'string' ? [{ setting, ...splitEndpoint(endpoint) }] : [])
  const otlp = [...receivers].flatMap(([id, { factory, settings }]) => {
    if (factory.type !== 'otlp' || !used.has(id)) return []
    const { protocols = {} } = settings as { protocols?: Readonly<Record<string, { endpoint?: string } | undefined>> }
    return Object.entries(protocols).flatMap(([name, of]) => at(`receivers.${id}.protocols.${name}.endpoint`, of?.endpoint))
  })
  const pages = [...exporters].flatMap(([id, { factory, settings }]) =>
    factory.type === 'prometheus' && used.has(id) ? at(`exporters.${id}.endpoint`, (settings as { endpoint?: string }).endpoint) : [],
  )
  const { api, telemetry } = service
  const own = telemetry.metrics.endpoints.map(of => ({ setting: 'service.telemetry.metrics.readers', ...of }))
  return [...otlp, ...pages, ...(api === undefined ? [] : [{ setting: 'service.api.endpoint', host: api.host, port: api.port }]), ...own]
}
