import { codeOf } from '../component/disk.ts'
import { UsageError } from './command.ts'

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such directory',
  ENOTDIR: 'this is no directory',
  EACCES: 'no permission to read it',
}

/** Why a command cannot read the directory that it was given; what is not the system's word stays as it is. @param whose `a store` */
export function cannotRead(directory: string, error: unknown, whose: string): unknown {
  if (!(error instanceof Error) || !('code' in error)) return error
  const code = codeOf(error)
  return new UsageError(`${directory}: ${reasons[code] ?? code}`, `name the directory of ${whose}`)
}
