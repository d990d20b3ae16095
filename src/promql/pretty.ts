import type { Expr } from './ast.ts'
import { print, printAggregation, printOperator, printSubquery, printWith } from './print.ts'

/** [bytes] past which what is printed in one line is broken into several */
const WIDTH = 100
/** [levels] that are shown by indentation; deeper ones stay there, so that no expression multiplies when it is printed */
const MAX_INDENT = 100

/** An expression in lines of bearable length, as Prometheus formats it. @param width [bytes] */
export function pretty(expr: Expr, width = WIDTH): string {
  const lengths = new Map<Expr, number>()
  const fits = (node: Expr): boolean => lengthOf(node, lengths) <= width

  /** @param level 0: what stands before it in its line, if anything, is there already */
  const show = (node: Expr, level: number): string => {
    const indent = indentation(level)
    const deeper = level + 1
    switch (node.kind) {
      case 'unary':
        return indent + node.op + show(node.expr, level).trim()
      case 'subquery':
        return fits(node) ? print(node) : show(node.expr, level) + printSubquery(node)
      case 'binary':
        if (fits(node)) break
        return `${show(node.left, deeper)}\n${indent}${printOperator(node)}\n${show(node.right, deeper)}`
      case 'paren':
        if (fits(node)) break
        return `${indent}(\n${show(node.expr, deeper)}\n${indent})`
      case 'call':
        if (fits(node)) break
        return `${indent}${node.func}(\n${node.args.map(arg => show(arg, deeper)).join(',\n')}\n${indent})`
      case 'aggregate': {
        if (fits(node)) break
        const param = node.param === undefined ? '' : `${show(node.param, deeper)},\n`
        return `${indent}${printAggregation(node)}(\n${param}${show(node.expr, deeper)}\n${indent})`
      }
    }
    return indent + print(node)
  }
  return show(expr, 0)
}

const indentation = (level: number): string => '  '.repeat(Math.min(level, MAX_INDENT))

const encoder = new TextEncoder()

/** [bytes] of an expression in one line, each node reckoned once */
function lengthOf(expr: Expr, known: Map<Expr, number>): number {
  let length = known.get(expr)
  if (length === undefined) {
    let inner = 0
    const own = printWith(expr, node => {
      inner += lengthOf(node, known)
      return ''
    })
    length = inner + encoder.encode(own).length
    known.set(expr, length)
  }
  return length
}
