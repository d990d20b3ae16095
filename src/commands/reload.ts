import type { Command } from './command.ts'
import { apiFlag, apiUrl, ask } from './top.ts'

/** What SIGHUP does, with an answer. */
export const reload: Command = {
  name: 'reload',
  says: 'asks a running process to read its configuration again; prints what changed, or what is wrong: exit 1',
  flags: { url: apiFlag },
  async run(args, outside) {
    const { status, text } = await ask(outside, 'POST', `${apiUrl(args.flags.get('url')?.[0])}/-/reload`)
    if (status === 200) outside.print(text.trimEnd())
    else outside.complain(text.trimEnd())
    return status === 200 ? 0 : 1
  },
}
