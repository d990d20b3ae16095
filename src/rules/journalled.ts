/**
 * What rules decide is remembered: each change of an alert's state is an entry of the journal, where one is kept. A process that has just started begins all
 * alerts anew; what the journal says of them already, it is not told again.
 */
import type { Logger } from '../component/component.ts'
import type { AlertState, Journal, NewEntry } from '../model/journal.ts'
import type { Transition } from './alerting-rule.ts'
import type { AlertListener } from './manager.ts'

type Changed = NonNullable<AlertListener['changed']>
/** By alert, what the journal said last of those that were not over. */
type LastStates = Map<string, AlertState>

/** [ms] entries that are older are not read: an alert that has not changed for longer is told again */
const recentMs = 7 * 86_400_000
/** [evaluations] beyond `for` in which an alert of before is where it was: the first comes within one, and `for` is restored after the second */
const catchingUp = 4

/** @param journal undefined: nobody keeps one at the moment @param startedAt epoch ms, of the process */
export function journalled(journal: () => Journal | undefined, log: Logger, startedAt: number): Changed {
  let before: Promise<LastStates> | undefined
  return (group, { definition }, transition, time) => {
    const kept = journal()
    if (kept === undefined) return
    const { alert, to } = transition
    const id = `alert/${group.file}/${group.definition.name}/${definition.alert}/${alert.labels.key}`
    const isNew = time - startedAt <= definition.for + catchingUp * group.interval
    if (isNew) before ??= lastStates(kept, startedAt, log)
    const write = async (): Promise<void> => {
      // In the order in which it happened, also while the journal is read.
      const known = await before
      const from = isNew && known !== undefined ? goesOn(known, id, transition) : transition.from
      // The evaluation's time is on the grid of its group, so that the same evaluation, should it come again, is the same entry.
      if (from !== undefined)
        await kept.append(entryOf(group.definition.name, definition.alert, { ...transition, from }, time), `${id}/${to}/${time}`)
    }
    write().catch((error: unknown) =>
      log.warn({ alert: definition.alert, error: String(error) }, 'a change of an alert could not be journalled'),
    )
  }
}

/** @returns from which state it changes, for who reads the journal; undefined: it does not */
function goesOn(before: LastStates, id: string, { from, to }: Transition): AlertState | undefined {
  const was = before.get(id)
  if (was === undefined) return from
  // On its way to where it was.
  if (was === 'firing' && from === 'inactive' && to === 'pending') return undefined
  if (was !== 'pending' || to !== 'pending') before.delete(id)
  return was === to ? undefined : was
}

async function lastStates(journal: Journal, startedAt: number, log: Logger): Promise<LastStates> {
  const states: LastStates = new Map()
  try {
    for await (const { key, data } of journal.replay(['alert'], journal.firstSince(startedAt - recentMs))) {
      // Behind the alert are the state and the time.
      const id = key.split('/').slice(0, -2).join('/')
      if (data.to === 'inactive') states.delete(id)
      else states.set(id, data.to)
    }
  } catch (error) {
    log.warn({ error: String(error) }, 'the journal cannot be read: alerts that fired before may be told again')
  }
  return states
}

function entryOf(group: string, name: string, { alert, from, to }: Transition, time: number): NewEntry {
  return {
    kind: 'alert',
    time,
    data: {
      ...{ alert: name, group, from, to, activeAt: alert.activeAt },
      labels: alert.labels.toJSON(),
      annotations: Object.fromEntries(alert.annotations),
      value: to !== 'inactive' && Number.isFinite(alert.value) ? alert.value : null,
    },
  }
}
