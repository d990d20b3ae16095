/** What the points belong to: the host, and this process on it. */
import { arch, hostname, release, type as systemType } from 'node:os'
import type { Attributes } from './points.ts'
import { parseOsRelease } from './proc.ts'
import { Source, type Surroundings } from './scraper.ts'

/** Node's words → the conventions'. */
const osTypes: Readonly<Record<string, string>> = { win32: 'windows', sunos: 'solaris', cygwin: 'windows', android: 'linux' }
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: 'x86', arm: 'arm32' }

export function hostResource(around: Surroundings, platform: string): Attributes {
  const source = new Source(around)
  const { root } = around
  const line = (path: string) => source.read(path, text => text.trim()) || undefined
  const linux = platform === 'linux'
  const os = linux ? source.read(`${root}/etc/os-release`, parseOsRelease) : undefined
  const description = os?.get('PRETTY_NAME') ?? `${systemType()} ${release()}`
  return present([
    ['host.name', (root === '' ? undefined : line(`${root}/etc/hostname`)) ?? hostname()],
    ['host.id', linux ? (line(`${root}/etc/machine-id`) ?? line(`${root}/var/lib/dbus/machine-id`)) : undefined],
    ['host.arch', architectures[arch()] ?? arch()],
    ['os.type', osTypes[platform] ?? platform],
    ['os.description', description],
    ['os.name', os?.get('NAME')],
    ['os.version', os?.get('VERSION_ID') ?? (linux ? undefined : release())],
  ])
}

/** Not on Linux: the system is asked, which starts programs, so once. */
export async function hostId(): Promise<string | undefined> {
  try {
    const { default: systeminformation } = await import('systeminformation')
    return (await systeminformation.uuid()).os || undefined
  } catch {
    return undefined
  }
}

export function processResource(): Attributes {
  return present([
    ['process.pid', process.pid],
    ['process.executable.path', process.execPath],
    ['process.runtime.name', 'nodejs'],
    ['process.runtime.version', process.versions.node],
  ])
}

const present = (pairs: readonly (readonly [string, string | number | undefined])[]): Attributes =>
  pairs.flatMap(([key, value]) => (value === undefined || value === '' ? [] : [[key, value] as const]))
