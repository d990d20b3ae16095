/**
 * Starting what a plan adds, beside what runs. A component that cannot run beside the one whose place it takes, because both want the
 * same port or folder, comes in turn: the other stops and finishes what it has begun, and whoever has something for it waits. Until all
 * has started nothing is decided: what goes wrong is undone, and what ran before runs again.
 */
import type { Context } from '../component/component.ts'
import { StartError } from '../component/errors.ts'
import type { Plan } from './graph.ts'
import type { Node } from './node.ts'
import { Deadline, type Stopping, stop, stopAll } from './stop.ts'

export interface Beginning extends Stopping {
  /** its component is gone */
  release(context: Context): void
}

/** @throws what the first component that cannot start throws; then everything is as it was */
export async function begin(plan: Plan, around: Beginning): Promise<void> {
  const started: Node[] = []
  const stopped: Node[] = []
  try {
    const inTurn: Node[] = []
    for (const node of plan.added) {
      if (await startsBeside(node, plan, around)) started.push(node)
      else inTurn.push(node)
    }
    for (const node of inTurn) {
      const before = plan.before(node)!
      stopped.push(before)
      started.push(node)
      await replace(before, node, plan, around)
    }
  } catch (error) {
    await stopAll(started, around)
    for (const node of stopped.toReversed()) await startAgain(node, plan, around)
    throw error
  }
}

/** False: it may come when the one whose place it takes has stopped. */
async function startsBeside(node: Node, plan: Plan, around: Beginning): Promise<boolean> {
  try {
    await node.component.start?.()
    return true
  } catch (error) {
    await stopAll([node], around)
    if (plan.before(node) === undefined || !isTaken(error)) throw error
    return false
  }
}

async function replace(before: Node, node: Node, plan: Plan, around: Beginning): Promise<void> {
  plan.hold(before)
  const { clock, log, timeoutMs } = around
  const deadline = new Deadline(clock, before.kind === 'receiver' ? timeoutMs / 2 : timeoutMs)
  const gone = stop(before, deadline, log).finally(() => deadline[Symbol.dispose]())
  around.release(node.renew())
  try {
    // A server gives its port back at once, and only then waits for the requests that it has begun.
    await node.component.start?.()
  } catch (error) {
    await stopAll([node], around)
    if (!isTaken(error)) throw error
    await gone
    around.release(node.renew())
    await node.component.start?.()
  }
}

async function startAgain(node: Node, plan: Plan, around: Beginning): Promise<void> {
  await node.stopping
  around.release(node.renew())
  try {
    await node.component.start?.()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    around.log.error({ component: node.id, error: why }, 'what had stopped for a reload that failed cannot be started again')
    node.context.health(why)
  }
  plan.lead(node)
}

const isTaken = (error: unknown) => error instanceof StartError && error.taken
