import type { Command } from './command.ts'

export const version: Command = {
  name: 'version',
  says: 'prints the version',
  flags: {},
  async run(_, outside) {
    outside.print(`thalamus ${outside.version}`)
    return 0
  },
}
