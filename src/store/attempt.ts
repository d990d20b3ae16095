/** What the disk refuses while a store is opened, said to whoever opens it. */
import { attemptOn } from '../component/disk.ts'
import { StartError } from '../component/errors.ts'

/** @throws {StartError} for whatever `work` throws */
export const attempt = <T>(directory: string, done: 'made' | 'read' | 'written', work: () => Promise<T>): Promise<T> =>
  attemptOn(work, (why, options) => new StartError(`the store ${JSON.stringify(directory)} cannot be ${done}: ${why}`, options))

export function otherVersion(path: string, version: number): StartError {
  return new StartError(`${JSON.stringify(path)} is of version ${version}, which this program does not know`, {
    remedy: 'run the version that has written it, or a later one',
  })
}

export const asStartError = (directory: string, error: unknown): Promise<StartError> =>
  attempt(directory, 'read', () => Promise.reject(error)).catch(wrapped => wrapped as StartError)
