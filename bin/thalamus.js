#!/usr/bin/env node
// In the repository the sources run as they are; in the published package they are compiled, because Node does not strip types under node_modules.
import { existsSync } from 'node:fs'

const source = new URL('../src/main.ts', import.meta.url)
const { main } = await import((existsSync(source) ? source : new URL('../dist/main.js', import.meta.url)).href)
process.exitCode = await main(process.argv.slice(2))
