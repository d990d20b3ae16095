/** What a log holds becomes a head again. */
import { attempt, otherVersion } from './attempt.ts'
import type { Stage } from './contents.ts'
import { Head } from './head.ts'
import { readBody, type SeriesHandle } from './incoming.ts'
import type { Notes } from './notes.ts'
import { type StoreSettings, WINDOW, type World } from './settings.ts'
import { WAL_HEADER, walName, walNumber } from './wal.ts'
import { readWal, WalVersionError } from './wal-reader.ts'

/** What logs hold becomes a head of its own, to be written to blocks. */
export async function replay(
  settings: StoreSettings,
  world: World,
  names: readonly string[],
  notes: Notes,
  readOnly: boolean,
): Promise<Stage[]> {
  const { disk, clock, log } = world
  const { directory } = settings
  const numbers = names.flatMap(name => walNumber(name) ?? []).sort((a, b) => a - b)
  const stages: Stage[] = []
  for (const number of numbers) {
    const path = `${directory}/${walName(number)}`
    let head = new Head(WINDOW, Number.NEGATIVE_INFINITY)
    const since = clock.monotonic()
    let nameless = 0
    const end = await attempt(directory, 'read', async () => {
      const file = await disk.open(path, 'read')
      try {
        const handles: SeriesHandle[] = []
        return await readWal(
          file,
          number,
          body => {
            nameless += takeRecord(head, notes, body, handles)
          },
          horizon => (head = new Head(WINDOW, horizon)),
        )
      } catch (error) {
        if (error instanceof WalVersionError) throw otherVersion(path, error.version)
        throw error
      } finally {
        await file.close()
      }
    })
    const facts = { log: path, series: head.size, samples: head.samples, torn: end.torn, ms: Math.round(clock.monotonic() - since) }
    if (end.holes.length > 0) {
      const lost = end.holes.reduce((sum, { at, end }) => sum + end - at, 0)
      const where = { holes: end.holes.length, bytes: lost, at: end.holes[0]!.at, nameless }
      log.error({ ...facts, ...where }, 'a log is damaged: what came before and after is read, and what lay between is lost')
    }
    if (end.torn > 0 && end.size > 0) log.warn(facts, 'a log ends in a record that is not whole: it was not acknowledged, or it is damaged')
    else if (head.samples > 0) log.info(facts, 'a log was read')
    if (head.samples > 0) stages.push({ head, logs: [number], since })
    else if (readOnly) continue
    else if (end.size === 0 && end.torn > WAL_HEADER) {
      // It may hold what was acknowledged: somebody may want to look at it.
      log.error({ log: path, aside: `${path}.damaged` }, 'a log does not begin as one does, and is put aside')
      await attempt(directory, 'written', () => disk.rename(path, `${path}.damaged`))
    } else await attempt(directory, 'written', () => disk.remove(path))
  }
  return stages
}

/** @returns [samples] that belong to no series that is known */
function takeRecord(head: Head, notes: Notes, body: Uint8Array, handles: SeriesHandle[]): number {
  const { incoming, fresh, nameless } = readBody(body, handles)
  for (const handle of fresh) {
    handle.head = head.mark
    handle.series = head.find(handle.labels.key) ?? head.add(handle.labels)
  }
  const { samples, series } = incoming
  for (let i = 0; i < samples.length; i++) head.append(series[i]!.series, samples, i)
  notes.take(incoming)
  return nameless
}
