/** Who a process is: the attributes of its resource. */
import type { HostmetricsSettings } from '../hostmetrics.ts'
import type { Attributes } from '../points.ts'
import type { ListedProcess } from './process-table.ts'

/** A file as `parse` reads it; undefined where it cannot be read, or is something else. */
export type Read = <T>(path: string, parse: (text: string) => T) => T | undefined

type Switches = NonNullable<HostmetricsSettings['process']>['resource_attributes']

/** @param users names by number */
export function resourceOf(
  { pid, folder, stat }: ListedProcess,
  switches: Switches,
  users: ReadonlyMap<string, string> | undefined,
  read: Read,
): Attributes {
  const on = (name: keyof Switches) => (switches[name] as { enabled: boolean } | undefined)?.enabled === true
  const words = read(`${folder}/cmdline`, text => text.split('\0').filter((word, i, all) => word !== '' || i < all.length - 1)) ?? []
  const owner = on('process.owner') ? read(`${folder}/status`, text => /^Uid:\s*(\d+)/m.exec(text)?.[1]) : undefined
  const all = [
    ['process.pid', Number(pid)],
    ['process.parent_pid', stat.parent],
    ['process.executable.name', stat.name],
    ['process.executable.path', words[0]?.startsWith('/') ? words[0] : undefined],
    ['process.command', words[0]],
    ['process.command_line', words.length === 0 ? undefined : words.join(' ')],
    ['process.owner', owner === undefined ? undefined : (users?.get(owner) ?? owner)],
  ] as const
  return all.flatMap(([name, value]) => (value === undefined || value === '' || !on(name) ? [] : [[name, value] as const]))
}

/** Names by number. /etc/passwd */
export const parseUsers = (text: string): ReadonlyMap<string, string> =>
  new Map([...text.matchAll(/^([^:\n]+):[^:\n]*:(\d+):/gm)].map(([, name, id]) => [id!, name!]))
