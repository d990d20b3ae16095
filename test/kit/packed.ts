/** The package as it is published. */
import { cpSync, readdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Packed from a copy: `dist` is built there, and whoever works in the repository sees nothing of it.
 * @param run runs a command in a folder, and rejects when it fails
 * @returns the path of the tarball, in `folder`
 */
export async function pack(folder: string, run: (cwd: string, command: string, ...args: string[]) => Promise<unknown>): Promise<string> {
  const copy = join(folder, 'copy')
  for (const path of [
    'src',
    'bin',
    'scripts',
    'package.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
  ])
    cpSync(join(ROOT, path), join(copy, path), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'))
  await run(copy, 'npm', 'pack', '--pack-destination', folder)
  return join(folder, readdirSync(folder).find(name => name.endsWith('.tgz')) ?? 'nothing was packed')
}
