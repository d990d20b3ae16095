#!/usr/bin/env node
// In the repository the sources run as they are; in the published package they are compiled, because Node does not strip types under node_modules.
import { existsSync } from 'node:fs'
import * as module from 'node:module'
import { fileURLToPath } from 'node:url'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { Garbage } from './garbage.js'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 15)) {
  console.error(`Node ${process.versions.node} is too old: Thalamus needs 22.15 or newer
  install one; in the repository, npm start and npx thalamus use the one that npm ci has brought`)
  process.exit(1)
}

// Bodies live outside the heap, a gigabyte of them a second. V8 13 collects the whole heap whenever 32 MB of such memory have come and
// gone, a third of all CPU time under load. With these it weighs them as part of the heap, as later versions do by themselves; the young
// generation, in which bodies wait for their end, stays small; and how far a heap grows before it is collected goes by what is measured each
// second (garbage.js). docs/decisions/garbage-collection.md has the figures.
if (process.versions.v8.startsWith('13.')) {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--no-parallel-scavenge')
  const garbage = new Garbage()
  const workers = new Set()
  const allowGarbage = () => {
    garbage.measure(process, getHeapStatistics())
    // A thread answers when it can. One that has not begun, or has ended, does not.
    for (const worker of workers) {
      worker.getHeapStatistics().then(
        statistics => workers.has(worker) && garbage.measure(worker, statistics),
        () => {},
      )
    }
    setFlagsFromString(`--heap-growing-percent=${garbage.percent}`)
  }
  process.on('worker', worker => {
    workers.add(worker)
    worker.on('exit', () => {
      workers.delete(worker)
      garbage.forget(worker)
    })
  })
  allowGarbage()
  setInterval(allowGarbage, 1000).unref()
}

const source = new URL('../src/main.ts', import.meta.url)
const fromSource = existsSync(source)
// What strips types stays out of memory when it has nothing to strip: 25 MB less, and a start in half the time.
if (fromSource) module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/thalamus', import.meta.url)))
const { main } = await import((fromSource ? source : new URL('../dist/main.js', import.meta.url)).href)
process.exitCode = await main(process.argv.slice(2))
