/** Tasks, the agents that do them, and who gives them out. */
import { request, task } from '../bounds.ts'
import { counter, gauge, histogram, upDownCounter } from '../definition.ts'

export const orchestration = {
  taskDuration: histogram('task.execution.duration', 's', 'One task, from start to outcome.', task, ['type', 'outcome']),
  agentSpawnDuration: histogram('agent.spawn.duration', 's', 'Until an agent was ready.', request),
  contextRetrievalDuration: histogram('context.retrieval.duration', 's', 'Fetching what a task has to know.', request),
  agentsActive: upDownCounter('orchestrator.agents.active', '{agent}', 'Agents at work.'),
  queueDepth: gauge('orchestrator.queue.depth', '{task}', 'Tasks that wait, now.'),
  load: gauge('orchestrator.load', '1', 'Share of what can be done at once that is being done, 0..1.'),
  cost: counter('cost.amount', '{currency}', 'Money spent.', ['currency', 'component']),
}
