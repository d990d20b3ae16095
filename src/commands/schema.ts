import { configurationJsonSchema } from '../component/config.ts'
import { aliases, allComponents } from '../components.ts'
import type { Command } from './command.ts'

export const schema: Command = {
  name: 'schema',
  says: 'prints the JSON Schema of a configuration file, for editors',
  flags: {},
  async run(_, outside) {
    outside.print(JSON.stringify(configurationJsonSchema(await allComponents(), aliases), null, 2))
    return 0
  },
}
