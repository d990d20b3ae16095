import { z } from 'zod'
import { type Connector, type Consumer, type Consumers, type Context, connector } from '../../component/component.ts'
import { choice } from '../../component/settings.ts'
import type { Signal } from '../../model/signal.ts'
import { type ErrorMode, errorModes } from '../../ottl/ask.ts'
import { type Ask, type Condition, condition, type Context as Of, OttlError, routeCondition } from '../../ottl/condition.ts'
import { type Route, Router } from './router.ts'

const contexts = ['resource', 'span', 'metric', 'datapoint', 'log'] as const satisfies readonly Of[]
const noRequest = ['what a request came with is not kept', 'let the sender say it in a resource attribute'] as const

const route = z
  .strictObject({
    context: choice(contexts, { request: noRequest })
      .prefault('resource')
      .describe(
        'What the condition is asked of, and so what is routed: whole resources, or single spans, metrics, data points, log records.',
      ),
    condition: z.string().min(1).optional().describe('A condition in OTTL: where it holds, the route is taken.'),
    statement: z.string().min(1).optional().describe('The same, written `route() where …`.'),
    action: z.enum(['move', 'copy']).default('move').describe('What is moved is not seen by the routes after; what is copied is.'),
    pipelines: z.array(z.string()).min(1).describe('Ids of the pipelines to send to. Each lists the connector among its receivers.'),
  })
  .superRefine((item, ctx) => {
    if ((item.condition === undefined) === (item.statement === undefined))
      ctx.addIssue({ code: 'custom', message: `must have a condition or a statement${item.condition === undefined ? '' : ', not both'}` })
    else compiled(item, ctx)
  })
type RouteSettings = z.infer<typeof route>

const config = z.strictObject({
  table: z.array(route).min(1).describe('The routes, asked in order.'),
  default_pipelines: z
    .array(z.string())
    .default([])
    .describe('Ids of the pipelines for what no route takes. None: it is dropped, counted as `no_route`.'),
  error_mode: z
    .enum(errorModes)
    .default('propagate' satisfies ErrorMode)
    .describe(
      'When a condition cannot be evaluated: `propagate` refuses the batch; with `ignore` (which logs) and `silent` the condition does not hold.',
    ),
})

const ask = ({ context }: RouteSettings): Ask => ({ context, among: [] })

function compile(item: RouteSettings): Condition {
  return item.condition === undefined ? routeCondition(item.statement ?? '', ask(item)) : condition(item.condition, ask(item))
}

function compiled(item: RouteSettings, ctx: z.RefinementCtx): void {
  // Of a context that cannot be asked that has been said.
  if (!contexts.includes(item.context)) return
  try {
    compile(item)
  } catch (error) {
    if (!(error instanceof OttlError)) throw error
    const path = [item.condition === undefined ? 'statement' : 'condition']
    ctx.addIssue({ code: 'custom', path, message: `column ${error.at + 1}: ${error.message}`, params: { remedy: error.remedy } })
  }
}

/** What can be asked of each signal. */
const asked: Readonly<Record<Signal, readonly Of[]>> = {
  metrics: ['resource', 'metric', 'datapoint'],
  traces: ['resource', 'span'],
  logs: ['resource', 'log'],
}

const create = <S extends Signal>(signal: S) => {
  return (
    cx: Context,
    settings: z.infer<typeof config>,
    _: Consumers,
    outlets: ReadonlyMap<string, Consumer<S>> = new Map(),
  ): Connector<S> => {
    const to = (ids: readonly string[]) => ids.flatMap(id => outlets.get(id) ?? [])
    const routes = settings.table
      .filter(item => asked[signal].includes(item.context))
      .map((item): Route<S> => ({ condition: compile(item), moves: item.action === 'move', to: to(item.pipelines) }))
    return new Router(signal, cx, { routes, otherwise: to(settings.default_pipelines), errorMode: settings.error_mode })
  }
}

export default connector({
  type: 'routing',
  stability: 'beta',
  config,
  create: { metrics: create('metrics'), traces: create('traces'), logs: create('logs') },
  chooses: settings => [
    ...settings.table.flatMap(({ pipelines }, row) => pipelines.map((id, i) => ({ path: ['table', row, 'pipelines', i], id }))),
    ...settings.default_pipelines.map((id, i) => ({ path: ['default_pipelines', i], id })),
  ],
})
