import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect } from 'vitest'

/** `actual` must be what the file under test/golden says. `UPDATE=1` rewrites the file and fails once: the diff is the review. */
export function golden(name: string, actual: string): void {
  const path = new URL(`../golden/${name}`, import.meta.url).pathname
  if (process.env['UPDATE'] !== undefined) {
    mkdirSync(dirname(path), { recursive: true })
    if (!existsSync(path) || readFileSync(path, 'utf8') !== actual) {
      writeFileSync(path, actual)
      expect.fail(`${name} was rewritten: look at the difference, and run again without UPDATE`)
    }
  }
  expect(actual).toBe(readFileSync(path, 'utf8'))
}
