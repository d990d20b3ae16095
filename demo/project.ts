/** The shop as a project of its own that has Thalamus installed: the sources as they are, compiled, beside what the shop needs. */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './local.ts'

/** @param folder an empty one @returns the shop's own folder, where `node --import thalamus/register gateway.js` runs */
export function layOutShop(folder: string): string {
  const installed = join(folder, 'thalamus')
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json', '--outDir', join(installed, 'dist')], { cwd: ROOT })
  cpSync(join(ROOT, 'src/otlp/decode.wasm'), join(installed, 'dist/otlp/decode.wasm'))
  for (const path of ['package.json', 'bin']) cpSync(join(ROOT, path), join(installed, path), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(installed, 'node_modules'))

  const shop = join(folder, 'shop')
  cpSync(join(ROOT, 'demo/shop'), shop, { recursive: true })
  const { dependencies } = JSON.parse(readFileSync(join(shop, 'package.json'), 'utf8')) as { dependencies: Record<string, string> }
  mkdirSync(join(shop, 'node_modules'))
  symlinkSync(installed, join(shop, 'node_modules/thalamus'))
  for (const name of Object.keys(dependencies)) symlinkSync(join(ROOT, 'node_modules', name), join(shop, 'node_modules', name))
  return shop
}
