/** Who the service is, and where it runs: found out once, from the environment and from files. */
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import {
  defaultResource,
  detectResources,
  envDetector,
  hostDetector,
  osDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { type Detector, detectors, sourcesOf } from '../processors/resource_detection/detectors.ts'
import { readers, readJson } from './outside.ts'

export interface Application {
  /** of its script; the working directory where there is none */
  readonly folder: string
  readonly name: string | undefined
  readonly version: string | undefined
  /** the names of the packages that its package.json asks for */
  readonly dependencies: readonly string[]
}

/** Of the nearest package.json that has a name, from the script upwards. */
export function application(script: string | undefined, workingDirectory: string): Application {
  const folder = script === undefined || script === '' ? workingDirectory : dirname(script)
  for (let at = folder; ; at = dirname(at)) {
    const found = readJson(join(at, 'package.json'))
    if (typeof found?.['name'] === 'string') {
      const { name, version } = found
      const dependencies = [found['dependencies'], found['devDependencies'], found['optionalDependencies']].flatMap(list =>
        Object.keys(list ?? {}),
      )
      return { folder, name: name as string, version: typeof version === 'string' ? version : undefined, dependencies }
    }
    if (dirname(at) === at) return { folder, name: undefined, version: undefined, dependencies: [] }
  }
}

export interface Process {
  readonly pid: number
  readonly execPath: string
  readonly argv: readonly string[]
  readonly version: string
  /** random, different in every process */
  readonly instance: string
}

/** What is said in the environment goes before what is found. */
export async function describe(app: Application, wanted: ReadonlySet<string>, of: Process, ours: string): Promise<Resource> {
  const found: Record<string, string | number | undefined> = {
    'service.name': app.name,
    'service.version': app.version,
    'telemetry.distro.name': 'thalamus',
    'telemetry.distro.version': ours,
  }
  if (wanted.has('serviceinstance')) found['service.instance.id'] = of.instance
  // The arguments stay out: that is where people put passwords.
  if (wanted.has('process'))
    Object.assign(found, {
      'process.pid': of.pid,
      'process.executable.name': 'node',
      'process.executable.path': of.execPath,
      'process.command': of.argv[1],
      'process.runtime.name': 'nodejs',
      'process.runtime.version': of.version.replace(/^v/, ''),
      'process.runtime.description': 'Node.js',
    })
  const sources = sourcesOf(readers)
  const settings = { hostnameSources: ['os'] }
  const ofPlace: Readonly<Record<string, Detector>> = {
    container: detectors.container,
    kubernetes: detectors.kubernetes,
    cloud: detectors.cloud,
  }
  for (const [name, detector] of Object.entries(ofPlace))
    if (wanted.has(name)) Object.assign(found, await detector.detect(sources, () => true, settings).catch(() => ({})))
  if (wanted.has('host')) found['host.name'] ??= hostname()
  const stock = [wanted.has('host') && hostDetector, wanted.has('os') && osDetector, wanted.has('env') && envDetector]
  const known = Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as Record<string, string | number>
  const resource = defaultResource()
    .merge(resourceFromAttributes(known))
    .merge(detectResources({ detectors: stock.filter(detector => detector !== false) }))
  // The host's id is read from a file: better a moment now than a resource that changes.
  await resource.waitForAsyncAttributes?.()
  return resource
}
