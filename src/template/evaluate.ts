import { quote } from '../lib/go-text.ts'
import { escapeHtml } from './builtins.ts'
import { FunctionError, TemplateError } from './errors.ts'
import { show } from './format.ts'
import type { Functions } from './functions.ts'
import type { Template } from './parse.ts'
import { type AnyNode, type Branch, type Command, type Node, type NumberNode, type Operand, type Pipe, showNode } from './tree.ts'
import { type Callable, fits, isTrue, type ParamType, takesNil, typeName, type Value } from './value.ts'

/** [nodes] that one expansion walks through: ends loops and recursion that would not end in reasonable time. */
const MAX_STEPS = 1_000_000
/** [characters] of the output, and of any text that is made on the way */
export const MAX_OUTPUT = 1 << 20
/** [levels] of templates that call one another; Go allows more, our stack does not. */
const MAX_DEPTH = 200

/** What is there of a value where none was given. */
const MISSING = Symbol('missing')
type Final = Value | typeof MISSING

export interface EvaluationOptions {
  /** `error`: a missing key of nothing at all is an error, as with Go's option missingkey=error */
  readonly missingKey?: 'zero' | 'error'
  /** as html/template: no value is nothing, and what is not marked as safe is escaped; `tmpl` is there */
  readonly html?: boolean
}

/**
 * Carries a template out.
 * @throws {TemplateError} `template: NAME:LINE:COLUMN: executing "NAME" at <NODE>: …`, as Go words it
 */
export function evaluate(template: Template, functions: Functions, data: Value, options: EvaluationOptions = {}): string {
  const evaluation = new Evaluation(template, functions, options)
  return evaluation.run(template.name, data)
}

/** How a list of nodes ended: at its end, or by break or continue. */
type Ending = 'end' | 'break' | 'continue'

class Evaluation {
  readonly #template: Template
  readonly #functions: Functions
  readonly #options: EvaluationOptions
  #output = ''
  #steps = 0
  #depth = 0
  /** the template that runs */
  #name = ''
  /** what runs: errors point at it */
  #node: AnyNode | undefined
  #variables: { readonly name: string; value: Value }[] = []

  constructor(template: Template, functions: Functions, options: EvaluationOptions) {
    this.#template = template
    this.#options = options
    this.#functions = options.html === true ? { get: name => (name === 'tmpl' ? this.#tmpl : functions.get(name)) } : functions
  }

  run(name: string, data: Value): string {
    this.#walkTemplate(name, data)
    return this.#output
  }

  readonly #tmpl: Callable = {
    params: ['string', 'interface {}'],
    run: ([name, data]) => {
      const output = this.#output
      this.#output = ''
      if (!this.#template.defined.has(name as string)) throw new FunctionError(`template ${quote(name as string)} not defined`)
      this.#walkTemplate(name as string, data)
      const html = this.#output
      this.#output = output
      return { kind: 'object', type: 'template.HTML', fields: {}, methods: {}, inner: html, show: () => html }
    },
  }

  #walkTemplate(name: string, dot: Value): void {
    const nodes = this.#template.defined.get(name)
    if (nodes === undefined) this.#fail(`template ${quote(name)} not defined`)
    if (this.#depth >= MAX_DEPTH) this.#fail(`exceeded maximum template depth (${MAX_DEPTH})`)
    const [variables, before] = [this.#variables, this.#name]
    this.#depth++
    this.#name = name
    this.#variables = [{ name: '$', value: dot }]
    this.#walkList(dot, nodes)
    this.#variables = variables
    this.#name = before
    this.#depth--
  }

  #walkList(dot: Value, nodes: readonly Node[]): Ending {
    for (const node of nodes) {
      const ending = this.#walk(dot, node)
      if (ending !== 'end') return ending
    }
    return 'end'
  }

  #walk(dot: Value, node: Node): Ending {
    this.#at(node)
    switch (node.kind) {
      case 'text':
        this.#write(node.text)
        return 'end'
      case 'action': {
        const value = this.#pipe(dot, node.pipe)
        if (node.pipe.variables.length === 0) this.#print(node, value)
        return 'end'
      }
      case 'if':
      case 'with':
        return this.#walkBranch(dot, node)
      case 'range':
        return this.#walkRange(dot, node)
      case 'template':
        if (!this.#template.defined.has(node.name)) this.#fail(`template ${quote(node.name)} not defined`)
        this.#walkTemplate(node.name, node.pipe === undefined ? undefined : this.#pipe(dot, node.pipe))
        return 'end'
      case 'break':
      case 'continue':
        return node.kind
    }
  }

  #walkBranch(dot: Value, node: Branch): Ending {
    const mark = this.#variables.length
    const value = this.#pipe(dot, node.pipe)
    const nodes = isTrue(value) ? node.list : (node.otherwise ?? [])
    const ending = this.#walkList(isTrue(value) && node.kind === 'with' ? value : dot, nodes)
    this.#variables.length = mark
    return ending
  }

  #walkRange(dot: Value, node: Branch): Ending {
    const mark = this.#variables.length
    const value = this.#pipe(dot, node.pipe)
    let ran = false
    for (const [index, element] of this.#elements(value, node)) {
      ran = true
      this.#step()
      const inner = this.#variables.length
      this.#bind(node.pipe, index, element)
      const ending = this.#walkList(element, node.list)
      this.#variables.length = inner
      if (ending === 'break') break
    }
    const ending = ran || node.otherwise === undefined ? 'end' : this.#walkList(dot, node.otherwise)
    this.#variables.length = mark
    return ending
  }

  *#elements(value: Value, { pipe }: Branch): Generator<readonly [index: Value, element: Value]> {
    if (value === undefined) return
    if (typeof value === 'bigint') {
      if (pipe.variables.length > 1) this.#fail(`can't use ${value} to iterate over more than one variable`)
      for (let i = 0n; i < value; i++) yield [undefined, i]
      return
    }
    if (typeof value === 'object' && value.kind === 'list') {
      for (const [i, item] of value.items.entries()) yield [BigInt(i), item]
      return
    }
    if (typeof value === 'object' && value.kind === 'map') {
      yield* [...value.entries].sort(([a], [b]) => (a < b ? -1 : 1))
      return
    }
    this.#fail(`range can't iterate over ${show(value)}`)
  }

  /** The variables of a range: they are there already, with the whole value, when it begins. */
  #bind({ variables, assign }: Pipe, index: Value, element: Value): void {
    const values = variables.length > 1 ? [index, element] : [element]
    for (const [i, variable] of variables.entries()) {
      if (assign) this.#set(variable.names[0]!, values[i])
      else this.#variables[this.#variables.length - variables.length + i]!.value = values[i]
    }
  }

  #pipe(dot: Value, pipe: Pipe): Value {
    this.#at(pipe)
    let value: Final = MISSING
    for (const command of pipe.commands) value = this.#command(dot, command, value)
    const result = value === MISSING ? undefined : (value as Value)
    for (const { names } of pipe.variables) {
      if (pipe.assign) this.#set(names[0]!, result)
      else this.#variables.push({ name: names[0]!, value: result })
    }
    return result
  }

  #command(dot: Value, { args }: Command, final: Final): Value {
    const first = args[0]!
    const rest = args.slice(1)
    switch (first.kind) {
      case 'field':
      case 'chain':
      case 'identifier':
      case 'variable':
        return this.#callable(dot, first, rest, final)
      default:
        this.#at(first)
        if (rest.length > 0 || final !== MISSING) this.#fail(`can't give argument to non-function ${showNode(first)}`)
        if (first.kind === 'nil') this.#fail('nil is not a command')
        return this.#operand(dot, first)
    }
  }

  /** What takes arguments where it is a function or a method. */
  #callable(
    dot: Value,
    node: Extract<Operand, { kind: 'field' | 'chain' | 'identifier' | 'variable' }>,
    args: readonly Operand[],
    final: Final,
  ): Value {
    this.#at(node)
    switch (node.kind) {
      case 'field':
        return this.#fields(dot, dot, node, node.names, args, final)
      case 'chain':
        if (node.of.kind === 'nil') this.#fail(`indirection through explicit nil in ${showNode(node)}`)
        return this.#fields(dot, this.#argument(dot, node.of, undefined), node, node.names, args, final)
      case 'variable': {
        const value = this.#variable(node.names[0]!)
        if (node.names.length > 1) return this.#fields(dot, value, node, node.names.slice(1), args, final)
        if (args.length > 0 || final !== MISSING) this.#fail(`can't give argument to non-function ${showNode(node)}`)
        return value
      }
      case 'identifier': {
        const command = args.length === 0 ? node : ({ kind: 'command', at: node.at, args: [node, ...args] } as const)
        if (node.name === 'and' || node.name === 'or') return this.#andOr(dot, node.name, args, final)
        const callable = this.#functions.get(node.name)
        if (callable === undefined) this.#fail(`${quote(node.name)} is not a defined function`)
        return this.#call(dot, callable, node.name, command, args, final)
      }
    }
  }

  /** The first argument that decides, or the last one; what is behind it is not evaluated. */
  #andOr(dot: Value, name: 'and' | 'or', args: readonly Operand[], final: Final): Value {
    if (args.length === 0 && final === MISSING) this.#fail(`wrong number of args for ${name}: want at least 1 got 0`)
    let value: Value
    for (const arg of args) {
      value = this.#argument(dot, arg, 'reflect.Value')
      if (isTrue(value) === (name === 'or')) return value
    }
    return final === MISSING ? value : (final as Value)
  }

  #fields(dot: Value, receiver: Value, node: Operand, names: readonly string[], args: readonly Operand[], final: Final): Value {
    let value = receiver
    for (const [i, name] of names.entries()) {
      const last = i === names.length - 1
      value = this.#field(dot, value, node, name, last ? args : [], last ? final : MISSING)
    }
    return value
  }

  #field(dot: Value, receiver: Value, node: Operand, name: string, args: readonly Operand[], final: Final): Value {
    if (receiver === undefined) {
      if (this.#options.missingKey === 'error') this.#fail(`nil data; no entry for key ${quote(name)}`)
      return undefined
    }
    if (typeof receiver === 'object' && receiver.kind === 'object' && Object.hasOwn(receiver.methods, name)) {
      return this.#call(dot, receiver.methods[name]!, name, node, args, final)
    }
    const hasArgs = args.length > 0 || final !== MISSING
    if (typeof receiver === 'object' && receiver.kind === 'object' && Object.hasOwn(receiver.fields, name)) {
      if (hasArgs) this.#fail(`${name} has arguments but cannot be invoked as function`)
      return receiver.fields[name]
    }
    if (typeof receiver === 'object' && receiver.kind === 'map') {
      if (hasArgs) this.#fail(`${name} is not a method but has arguments`)
      if (receiver.entries.has(name)) return receiver.entries.get(name)
      if (this.#options.missingKey === 'error') this.#fail(`map has no entry for key ${quote(name)}`)
      return receiver.zero
    }
    return this.#fail(`can't evaluate field ${name} in type ${typeName(receiver)}`)
  }

  #call(dot: Value, callable: Callable, name: string, node: AnyNode, args: readonly Operand[], final: Final): Value {
    const { params, rest } = callable
    const count = args.length + (final === MISSING ? 0 : 1)
    if (rest === undefined ? count !== params.length : count < params.length) {
      const want = rest === undefined ? `want ${params.length} got ${count}` : `want at least ${params.length} got ${args.length}`
      this.#fail(`wrong number of args for ${name}: ${want}`)
    }
    const values = args.map((arg, i) => this.#argument(dot, arg, params[i] ?? rest))
    if (final !== MISSING) values.push(this.#fitting(final as Value, params[args.length] ?? rest))
    try {
      return this.#bounded(callable.run(values))
    } catch (error) {
      if (!(error instanceof FunctionError)) throw error
      this.#at(node)
      return this.#fail(`error calling ${name}: ${error.message}`)
    }
  }

  /** @param type what is expected; undefined: anything */
  #argument(dot: Value, node: Operand, type: ParamType | undefined): Value {
    this.#at(node)
    switch (node.kind) {
      case 'dot':
        return this.#fitting(dot, type)
      case 'nil':
        if (type === undefined || !takesNil(type)) this.#fail(`cannot assign nil to ${type ?? 'nil'}`)
        return undefined
      case 'pipe':
        return this.#fitting(this.#pipe(dot, node), type)
      case 'field':
      case 'variable':
      case 'identifier':
      case 'chain':
        return this.#fitting(this.#callable(dot, node, [], MISSING), type)
      default:
        return this.#literal(node, type)
    }
  }

  #literal(node: Extract<Operand, { kind: 'bool' | 'string' | 'number' }>, type: ParamType | undefined): Value {
    switch (type) {
      case undefined:
      case 'interface {}':
      case 'reflect.Value':
        return node.kind === 'number' ? this.#constant(node) : node.value
      case 'string':
        return node.kind === 'string' ? node.value : this.#fail(`expected string; found ${showNode(node)}`)
      case 'float64':
        return node.kind === 'number' ? node.float : this.#fail(`expected float; found ${showNode(node)}`)
      case 'int':
        return node.kind === 'number' && node.int !== undefined ? node.int : this.#fail(`expected integer; found ${showNode(node)}`)
      default:
        return this.#fail(`can't handle ${showNode(node)} for arg of type ${type}`)
    }
  }

  #operand(dot: Value, node: Operand): Value {
    switch (node.kind) {
      case 'bool':
      case 'string':
        return node.value
      case 'number':
        return this.#constant(node)
      case 'dot':
        return dot
      case 'pipe':
        return this.#pipe(dot, node)
      default:
        return this.#fail(`can't evaluate command ${quote(showNode(node))}`)
    }
  }

  /** An integer where it is written as one. */
  #constant(node: NumberNode): Value {
    this.#at(node)
    const isFloat = !/^0[xX](?!.*[pP])|^'/.test(node.literal) && /[.eEpP]/.test(node.literal)
    return isFloat || node.int === undefined ? node.float : node.int
  }

  #fitting(value: Value, type: ParamType | undefined): Value {
    if (type === undefined) return value
    if (value === undefined) return takesNil(type) ? undefined : this.#fail(`invalid value; expected ${type}`)
    return fits(value, type) ? value : this.#fail(`wrong type for value; expected ${type}; got ${typeName(value)}`)
  }

  #variable(name: string): Value {
    const found = this.#variables.findLast(variable => variable.name === name)
    return found === undefined ? this.#fail(`undefined variable: ${name}`) : found.value
  }

  #set(name: string, value: Value): void {
    const found = this.#variables.findLast(variable => variable.name === name)
    if (found === undefined) this.#fail(`undefined variable: ${name}`)
    else found.value = value
  }

  #print(node: Node, value: Value): void {
    this.#at(node)
    if (this.#options.html !== true) return this.#write(value === undefined ? '<no value>' : show(value))
    if (value === undefined) return
    const safe = typeof value === 'object' && value.kind === 'object' && value.type === 'template.HTML'
    this.#write(safe ? show(value) : escapeHtml(show(value)))
  }

  #write(text: string): void {
    if (this.#output.length + text.length > MAX_OUTPUT) this.#fail(`the output has more than ${MAX_OUTPUT} characters`)
    this.#output += text
  }

  #bounded(value: Value): Value {
    if (typeof value === 'string' && value.length > MAX_OUTPUT) throw new FunctionError(`the result has more than ${MAX_OUTPUT} characters`)
    return value
  }

  #at(node: AnyNode): void {
    this.#node = node
    this.#step()
  }

  #step(): void {
    if (++this.#steps > MAX_STEPS) this.#fail(`takes more than ${MAX_STEPS} steps`)
  }

  #fail(message: string): never {
    const name = this.#template.name
    if (this.#node === undefined) throw new TemplateError(`template: ${name}: ${message}`)
    const before = this.#template.text.slice(0, this.#node.at)
    const line = before.lastIndexOf('\n') + 1
    const column = new TextEncoder().encode(before.slice(line)).length
    const lines = before.split('\n').length
    throw new TemplateError(`template: ${name}:${lines}:${column}: executing ${quote(this.#name)} at <${showNode(this.#node)}>: ${message}`)
  }
}
