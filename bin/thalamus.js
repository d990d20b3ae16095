#!/usr/bin/env node
// In the repository the sources run as they are; in the published package they are compiled, because Node does not strip types under node_modules.
import { existsSync } from 'node:fs'
import * as module from 'node:module'
import { fileURLToPath } from 'node:url'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 15)) {
  console.error(`Node ${process.versions.node} is too old: Thalamus needs 22.15 or newer
  install one; in the repository, npm start and npx thalamus use the one that npm ci has brought`)
  process.exit(1)
}

// Bodies live outside the heap, a gigabyte of them a second. V8 13 collects the whole heap whenever 32 MB of such memory have come and
// gone, a third of all CPU time under load. With these it weighs them as part of the heap, as later versions do by themselves; the young
// generation, in which bodies wait for their end, stays small; and the heap is collected when what came in ten seconds may be garbage: 20 MB at
// the least, and 80 MB, or half of what is live, at the most. docs/decisions/garbage-collection.md has the figures.
if (process.versions.v8.startsWith('13.')) {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
  setFlagsFromString('--semi-space-growth-factor=1')
  let before = Number.POSITIVE_INFINITY
  let growth = 0
  const allowGarbage = () => {
    const { used_heap_size, external_memory } = getHeapStatistics()
    const used = used_heap_size + external_memory
    growth = Math.max(used - before, 0.8 * growth)
    before = used
    const garbage = Math.min(Math.max(80e6, used / 2), Math.max(20e6, 10 * growth))
    setFlagsFromString(`--heap-growing-percent=${Math.min(300, Math.ceil((100 * garbage) / used))}`)
  }
  allowGarbage()
  setInterval(allowGarbage, 1000).unref()
}

const source = new URL('../src/main.ts', import.meta.url)
const fromSource = existsSync(source)
// What strips types stays out of memory when it has nothing to strip: 25 MB less, and a start in half the time.
if (fromSource) module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/thalamus', import.meta.url)))
const { main } = await import((fromSource ? source : new URL('../dist/main.js', import.meta.url)).href)
process.exitCode = await main(process.argv.slice(2))
