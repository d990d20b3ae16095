/** The world outside, for what runs in somebody else's process: nothing here keeps that process alive. */
import { existsSync, readFileSync, writeSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import type { Files } from '../component/component.ts'

export const readers: Pick<Files, 'read' | 'list'> = { read: path => readFile(path), list: path => readdir(path) }

/** @returns undefined where there is none that can be read */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** @returns undefined where there is none, or it is none */
export function readJson(path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  } catch {
    return undefined
  }
}

export const exists = (path: string): boolean => existsSync(path)

/** At once, and past `console`, which may be ours. A reader that has gone away is no reason to fail. */
export function say(line: string): void {
  try {
    writeSync(2, `${line}\n`)
  } catch {}
}

/** Runs every `ms`, for as long as something else keeps the process alive. */
export function everyUnheld(ms: number, run: () => void): Disposable {
  const timer = setInterval(run, ms)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** Runs once, unless the process ends before. */
export function afterUnheld(ms: number, run: () => void): Disposable {
  const timer = setTimeout(run, ms)
  timer.unref()
  return { [Symbol.dispose]: () => clearTimeout(timer) }
}
