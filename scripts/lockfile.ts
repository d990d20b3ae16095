/** What the lockfile pins: every package with its licence and the hash of its bytes. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Locked {
  /** where it lies, from the root: `node_modules/pino` */
  readonly path: string
  readonly name: string
  readonly version: string
  /** an SPDX expression */
  readonly license: string
  /** of the package's file, as npm checks it */
  readonly integrity: string
  /** only for development: not installed with the package */
  readonly dev: boolean
}

interface Entry {
  readonly version?: string
  readonly license?: string
  readonly integrity?: string
  readonly dev?: boolean
  readonly devOptional?: boolean
}
export interface Lockfile {
  readonly packages: Record<string, Entry>
}

export const readLockfile = (): Lockfile =>
  JSON.parse(readFileSync(fileURLToPath(new URL('../package-lock.json', import.meta.url)), 'utf8'))

/** In the order of their names; '' where the lockfile does not say. */
export function lockedPackages(lockfile: Lockfile): Locked[] {
  return Object.entries(lockfile.packages)
    .filter(([path]) => path !== '')
    .map(([path, { version = '', license = '', integrity = '', dev = false, devOptional = false }]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
      return { path, name, version, license, integrity, dev: dev || devOptional }
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}
