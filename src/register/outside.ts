/** The world outside, for what runs in somebody else's process: nothing here keeps that process alive. */
import { closeSync, existsSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
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

/** [bytes] that one reading takes of a file of the kernel, whose tables may be of any size */
const START = 64 * 1024

/** @returns what it begins with; undefined where there is no such file, or it cannot be read */
export function readStart(path: string): string | undefined {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const bytes = Buffer.allocUnsafe(START)
    let length = 0
    for (let n = 1; n > 0 && length < START; length += n) n = readSync(file, bytes, length, START - length, null)
    return bytes.toString('latin1', 0, length)
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
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
