import { type Command, UsageError } from './command.ts'

/** `NODE_OPTIONS` reaches every Node below, whatever starts it. */
export const exec: Command = {
  name: 'exec',
  takes: '-- COMMAND [ARGUMENT…]',
  says: 'runs a command, such as node app.js or npm start, with every Node program in it instrumented',
  flags: {},
  async run({ rest: [program, ...args] }, outside) {
    if (program === undefined) throw new UsageError('exec needs a command', 'write thalamus exec -- node app.js')
    return outside.become(program, args, { ...outside.env, NODE_OPTIONS: withRegister(outside.env['NODE_OPTIONS'], outside.register) })
  },
}

/** @param register URL of what instruments; it has no blanks, which NODE_OPTIONS would take apart */
export function withRegister(options: string | undefined, register: string): string {
  const before = options?.trim() ?? ''
  if (before.split(/\s+/).includes(register)) return before
  return `${before} --import ${register}`.trim()
}
