import { isAbsolute, join } from 'node:path'
import { copiesOf, examineAnswer, examineNode, examinePackages, examineScripts, type Finding, type Tree } from '../register/examination.ts'
import { readSettings, type Settings } from '../register/settings.ts'
import type { Command, Outside } from './command.ts'
import { examineEmbedded } from './doctor-embedded.ts'

/** The service itself is not started. */
export const doctor: Command = {
  name: 'doctor',
  takes: '[FOLDER]',
  says: 'says what would keep telemetry of the Node service in a folder from arriving, and what to do; exit 1 if anything would',
  flags: {},
  async run({ rest: [given = '.'] }, outside) {
    const folder = isAbsolute(given) ? given : join(outside.workingDirectory, given)
    const tree = treeOf(outside)
    const settings = readSettings(outside.env)
    const findings: Finding[] = [
      examineNode(outside.nodeVersion),
      ...examineScripts(tree.json(join(folder, 'package.json')), outside.env['NODE_OPTIONS']),
      ...examinePackages(copiesOf(folder, tree), outside.apiVersion),
      ...settings.problems.map((says): Finding => ({ is: 'bad', says })),
      ...(settings.embed === undefined ? [] : await examineEmbedded(settings.embed, folder, outside)),
      // Otherwise it goes to the pipeline, and where that leads is in its file.
      ...(leadsOut(settings) ? await askDestinations(settings, outside) : []),
    ]
    for (const { is, says, remedy } of findings)
      outside.print(`${is === 'good' ? 'good' : 'BAD '}  ${says}${remedy === undefined ? '' : `\n      ${remedy}`}`)
    return findings.some(({ is }) => is === 'bad') ? 1 : 0
  },
}

const leadsOut = ({ embed }: Settings) => embed === undefined || (embed.configs.length === 0 && embed.forward !== undefined)

function treeOf(outside: Outside): Tree {
  return {
    list: outside.listSync,
    json(path) {
      try {
        return JSON.parse(outside.readSync(path)) as Record<string, unknown>
      } catch {
        return undefined
      }
    },
  }
}

/** Each with a request that has nothing in it, which every receiver of OTLP takes. */
async function askDestinations(settings: Settings, outside: Outside): Promise<Finding[]> {
  const used = (['traces', 'metrics', 'logs'] as const).filter(signal => (settings[signal] as readonly string[]).includes('otlp'))
  return Promise.all(
    used.map(async signal => {
      const { url, protocol, headers } = settings.destinations[signal]
      // Of a gRPC server it is only seen that something answers at all.
      const body = { 'http/json': '{}', 'http/protobuf': '', grpc: '' }[protocol]
      const type = { 'http/json': 'application/json', 'http/protobuf': 'application/x-protobuf', grpc: 'application/grpc' }[protocol]
      try {
        const answer = await outside.ask('POST', url, { headers: { ...headers, 'content-type': type }, body })
        return examineAnswer(signal, url, answer)
      } catch (error) {
        const answered =
          protocol === 'grpc' &&
          error instanceof Error &&
          !/ECONNREFUSED|ENOTFOUND|EAI_AGAIN|timeout|TIMEDOUT/i.test(String(error.message + error.name))
        return examineAnswer(signal, url, answered ? { status: 200 } : (error as Error))
      }
    }),
  )
}
