/** What the disk refuses while a store is opened, said to whoever opens it. */
import { codeOf } from '../component/disk.ts'
import { StartError } from '../component/errors.ts'

/** @throws {StartError} for whatever `work` throws */
export async function attempt<T>(directory: string, what: 'made' | 'read' | 'written', work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`the store ${JSON.stringify(directory)} cannot be ${what}: ${codeOf(error)}`, {
      cause: error,
      remedy: 'let the user that runs this write there, make room, or name another directory',
    })
  }
}

export function otherVersion(path: string, version: number): StartError {
  return new StartError(`${JSON.stringify(path)} is of version ${version}, which this program does not know`, {
    remedy: 'run the version that has written it, or a later one',
  })
}

export const asStartError = (directory: string, error: unknown): Promise<StartError> =>
  attempt(directory, 'read', () => Promise.reject(error)).catch(wrapped => wrapped as StartError)
