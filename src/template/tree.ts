import { quote } from '../lib/go-text.ts'

/** The tree of a template, in Go's terms. Nodes are never written to. */
interface At {
  /** [UTF-16 units] in the template's text */
  readonly at: number
}

export type Node =
  | ({ readonly kind: 'text'; readonly text: string } & At)
  | ({ readonly kind: 'action'; readonly pipe: Pipe } & At)
  | Branch
  | ({ readonly kind: 'template'; readonly name: string; readonly pipe: Pipe | undefined } & At)
  | ({ readonly kind: 'break' } & At)
  | ({ readonly kind: 'continue' } & At)

export interface Branch extends At {
  readonly kind: 'if' | 'with' | 'range'
  readonly pipe: Pipe
  readonly list: readonly Node[]
  readonly otherwise: readonly Node[] | undefined
}

export interface Pipe extends At {
  readonly kind: 'pipe'
  /** `=` instead of `:=` */
  readonly assign: boolean
  readonly variables: readonly Variable[]
  readonly commands: readonly Command[]
}

export interface Command extends At {
  readonly kind: 'command'
  /** one at least */
  readonly args: readonly Operand[]
}

export interface Variable extends At {
  readonly kind: 'variable'
  /** `$name`, then fields */
  readonly names: readonly string[]
}

export type Operand =
  | Pipe
  | Variable
  | ({ readonly kind: 'identifier'; readonly name: string } & At)
  | ({ readonly kind: 'field'; readonly names: readonly string[] } & At)
  | ({ readonly kind: 'chain'; readonly of: Operand; readonly names: readonly string[] } & At)
  | ({ readonly kind: 'dot' } & At)
  | ({ readonly kind: 'nil' } & At)
  | ({ readonly kind: 'bool'; readonly value: boolean } & At)
  | ({ readonly kind: 'string'; readonly literal: string; readonly value: string } & At)
  | NumberNode

export interface NumberNode extends At {
  readonly kind: 'number'
  readonly literal: string
  /** as an integer, where it is one */
  readonly int: bigint | undefined
  readonly float: number
}

export type AnyNode = Node | Command | Operand

/** A node as error messages show it: as Go prints it again. */
export function showNode(node: AnyNode): string {
  switch (node.kind) {
    case 'text':
      return node.text
    case 'action':
      return `{{${showNode(node.pipe)}}}`
    case 'if':
    case 'with':
    case 'range': {
      const otherwise = node.otherwise === undefined ? '' : `{{else}}${node.otherwise.map(showNode).join('')}`
      return `{{${node.kind} ${showNode(node.pipe)}}}${node.list.map(showNode).join('')}${otherwise}{{end}}`
    }
    case 'template':
      return `{{template ${quote(node.name)}${node.pipe === undefined ? '' : ` ${showNode(node.pipe)}`}}}`
    case 'break':
    case 'continue':
      return `{{${node.kind}}}`
    case 'pipe': {
      const variables = node.variables.map(showNode).join(', ')
      return `${variables}${variables === '' ? '' : node.assign ? ' = ' : ' := '}${node.commands.map(showNode).join(' | ')}`
    }
    case 'command':
      return node.args.map(arg => (arg.kind === 'pipe' ? `(${showNode(arg)})` : showNode(arg))).join(' ')
    case 'variable':
      return node.names.join('.')
    case 'identifier':
      return node.name
    case 'field':
      return `.${node.names.join('.')}`
    case 'chain':
      return `${node.of.kind === 'pipe' ? `(${showNode(node.of)})` : showNode(node.of)}.${node.names.join('.')}`
    case 'dot':
      return '.'
    case 'nil':
      return 'nil'
    case 'bool':
      return String(node.value)
    case 'string':
    case 'number':
      return node.literal
  }
}
