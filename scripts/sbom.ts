/**
 * `npm run -s sbom > thalamus.cdx.json`: the bill of materials of what the package installs, by npm itself. It is asked about a lockfile without what is
 * only for development: `npm sbom --omit dev` leaves out whatever development needs as well.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readLockfile } from './lockfile.ts'

/** @throws with npm's own words */
export function sbom(): string {
  const {
    devDependencies: _,
    scripts: __,
    ...manifest
  } = JSON.parse(readFileSync(fileURLToPath(new URL('../package.json', import.meta.url)), 'utf8'))
  const lockfile = readLockfile()
  const { devDependencies: ___, ...root } = lockfile.packages[''] as Record<string, unknown>
  const installed = Object.entries(lockfile.packages).filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
  const parent = mkdtempSync(join(tmpdir(), 'thalamus-sbom-'))
  try {
    // npm calls the whole by the name of its folder.
    const folder = join(parent, 'thalamus')
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    writeFileSync(
      join(folder, 'package-lock.json'),
      JSON.stringify({ ...lockfile, packages: { '': root, ...Object.fromEntries(installed) } }),
    )
    const { status, stdout, stderr } = spawnSync('npm', ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx'], {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    })
    if (status !== 0) throw new Error(`npm sbom ended with ${status}\n${stderr}`)
    return stdout
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
}

if (import.meta.main) process.stdout.write(sbom())
