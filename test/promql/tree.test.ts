import { expect, test } from 'vitest'
import { everything, parseExpr } from '../../src/promql/parse.ts'
import { type Json, tree } from '../../src/promql/tree.ts'

const selector = {
  type: 'vectorSelector',
  offset: 0,
  offsetExpr: null,
  timestamp: null,
  startOrEnd: null,
  anchored: false,
  smoothed: false,
}
const up = { ...selector, name: 'up', matchers: [{ name: '__name__', value: 'up', type: '=' }] }
const number = (val: string) => ({ type: 'numberLiteral', val })

test.each<[text: string, shown: Json]>([
  ['1.50', number('1.5')],
  ['1h', number('3600')],
  ['"a\\xff"', { type: 'stringLiteral', val: 'a\ufffd' }],
  ['(up)', { type: 'parenExpr', expr: up }],
  ['-up', { type: 'unaryExpr', op: '-', expr: up }],
  ['1 + 2', { type: 'binaryExpr', op: '+', lhs: number('1'), rhs: number('2'), matching: null, bool: false }],
  [
    'up == bool on (a) group_left (b) fill_left (1) up',
    {
      type: 'binaryExpr',
      op: '==',
      lhs: up,
      rhs: up,
      bool: true,
      matching: { card: 'many-to-one', labels: ['a'], on: true, include: ['b'], fillValues: { lhs: 1, rhs: null } },
    },
  ],
  [
    'up and up',
    {
      type: 'binaryExpr',
      op: 'and',
      lhs: up,
      rhs: up,
      bool: false,
      matching: { card: 'many-to-many', labels: [], on: false, include: [], fillValues: { lhs: null, rhs: null } },
    },
  ],
  ['topk without (a) (3, up)', { type: 'aggregation', op: 'topk', expr: up, param: number('3'), grouping: ['a'], without: true }],
  ['sum(up)', { type: 'aggregation', op: 'sum', expr: up, param: null, grouping: [], without: false }],
  ['round(up)', { type: 'call', func: { name: 'round', argTypes: ['vector', 'scalar'], variadic: 1, returnType: 'vector' }, args: [up] }],
  [
    'up[5m] smoothed @ 1.5 offset -1m',
    {
      ...up,
      type: 'matrixSelector',
      range: 300_000,
      rangeExpr: null,
      offset: -60_000,
      timestamp: 1_500,
      smoothed: true,
    },
  ],
  [
    'up[5m * 2:] @ start() offset (1m)',
    {
      type: 'subquery',
      expr: up,
      range: 0,
      rangeExpr: {
        type: 'durationExpr',
        op: '*',
        lhs: { type: 'numberLiteral', val: '300', duration: true },
        rhs: { type: 'numberLiteral', val: '2', duration: false },
        wrapped: false,
      },
      step: 0,
      stepExpr: null,
      offset: 60_000,
      offsetExpr: null,
      timestamp: null,
      startOrEnd: 'start',
    },
  ],
  [
    'up offset -(step())',
    {
      ...up,
      offsetExpr: {
        type: 'durationExpr',
        op: '-',
        lhs: null,
        rhs: { type: 'durationExpr', op: 'step', lhs: null, rhs: null, wrapped: true },
        wrapped: false,
      },
    },
  ],
])('%j', (text, shown) => {
  expect(tree(parseExpr(text, everything))).toEqual(shown)
})
