/** Reads what `node --cpu-prof` wrote: the functions with the most time of their own. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Profile {
  readonly nodes: readonly { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[]
  readonly samples: readonly number[]
  /** [samples] microseconds since the sample before */
  readonly timeDeltas: readonly number[]
}

export function hotspots(folder: string, count = 25): string {
  const file = readdirSync(folder).find(name => name.endsWith('.cpuprofile'))
  if (file === undefined) throw new Error(`${folder}: the server wrote no profile`)
  const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [
      id,
      `${functionName || '(anonymous)'} ${short(url)}:${lineNumber + 1}`,
    ]),
  )
  const times = new Map<string, number>()
  let total = 0
  samples.forEach((id, i) => {
    const name = names.get(id) ?? '?'
    if (name.startsWith('(idle)')) return
    total += timeDeltas[i]!
    times.set(name, (times.get(name) ?? 0) + timeDeltas[i]!)
  })
  const top = [...times].sort((a, b) => b[1] - a[1]).slice(0, count)
  return top.map(([name, time]) => `  ${((time / total) * 100).toFixed(1).padStart(5)} %  ${name}`).join('\n')
}

const short = (url: string) => url.replace(/^.*\/(?=(src|node_modules)\/)/, '')
