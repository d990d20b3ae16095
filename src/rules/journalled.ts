/** What rules decide is remembered: each change of an alert's state is an entry of the journal, where one is kept. */
import type { Logger } from '../component/component.ts'
import type { Journal, NewEntry } from '../model/journal.ts'
import type { Transition } from './alerting-rule.ts'
import type { AlertListener } from './manager.ts'

type Changed = NonNullable<AlertListener['changed']>

/** @param journal undefined: nobody keeps one at the moment */
export function journalled(journal: () => Journal | undefined, log: Logger): Changed {
  return (group, { definition }, transition, time) => {
    const { alert, to } = transition
    // The evaluation's time is on the grid of its group, so that the same evaluation, should it come again, is the same entry.
    const key = `alert/${group.file}/${group.definition.name}/${definition.alert}/${alert.labels.key}/${to}/${time}`
    journal()
      ?.append(entryOf(group.definition.name, definition.alert, transition, time), key)
      .catch((error: unknown) =>
        log.warn({ alert: definition.alert, error: String(error) }, 'a change of an alert could not be journalled'),
      )
  }
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
