/**
 * Conditions, compiled: a text → a function of a place in a batch. What depends on a resource only is asked once for each resource, however
 * many rows it has, and likewise for scopes and metrics.
 */
import { closest } from '../lib/distance.ts'
import { enums } from './enums.ts'
import { functions, otherFunctions } from './functions.ts'
import { contexts as allContexts, type Context, type Getter, levelOf, pathNames, pathOf, ValueError, visible } from './paths.ts'
import { type Level, levels, type Place } from './place.ts'
import { type Comparison, type Expression, type Logical, OttlError, type PathField, parseCondition, parseStatement } from './syntax.ts'
import { compare, Duration, Time, type Value } from './value.ts'

export { type Context, ValueError } from './paths.ts'
export { OttlError } from './syntax.ts'

export interface Condition {
  readonly text: string
  readonly context: Context
  /** all that it depends on is the series' name and attributes, and those of its scope and resource */
  readonly identity: boolean
  /** @throws {ValueError} where a value cannot be had */
  readonly test: (at: Place) => boolean
}

/** Where a condition may be asked. */
export interface Ask {
  /** it is asked there, and paths may leave the context's name out; undefined: paths must give it, and the innermost that they give is taken */
  readonly context?: Context | undefined
  /** what may be taken, the innermost first */
  readonly among: readonly Context[]
}

/** @throws {OttlError} */
export function condition(text: string, ask: Ask): Condition {
  return compile(text, parseCondition(text), ask)
}

/** The condition of `route() where …`; without `where` it always holds. @throws {OttlError} */
export function routeCondition(text: string, ask: Ask): Condition {
  const { editor, editorArguments, at, where } = parseStatement(text)
  if (editor !== 'route')
    throw new OttlError(
      `not supported: ${editor}() changes what is routed`,
      at,
      'write route() where …, and change attributes with the attributes processor',
    )
  if (editorArguments.length > 0) throw new OttlError('route() takes nothing', at)
  return compile(text, where ?? { is: 'bare', of: { is: 'literal', value: true, at }, at }, ask)
}

function compile(text: string, tree: Logical, ask: Ask): Condition {
  const context = ask.context ?? inferred(tree, ask.among)
  const compiler = new Compiler(context, ask.context !== undefined)
  const { test, identity } = compiler.logical(tree)
  return { text, context, identity, test }
}

/** The innermost context that a path names. */
function inferred(tree: Logical, among: readonly Context[]): Context {
  const paths = [...pathsOf(tree)]
  const named = new Set(paths.map(path => contextNamed(path[0]!.name)))
  const found = among.find(context => named.has(context))
  if (found !== undefined) return found
  const [path] = paths
  if (path === undefined) throw new OttlError('no path says where to ask this', tree.at, 'give the context: {context: …, conditions: […]}')
  throw contextMissing(path, among)
}

function* pathsOf(node: Logical | Expression): Generator<readonly PathField[]> {
  if (node.is === 'path') yield node.fields
  if (node.is === 'compare' || node.is === 'arithmetic') {
    yield* pathsOf(node.left)
    yield* pathsOf(node.right)
  }
  if (!('of' in node)) return
  for (const part of Array.isArray(node.of) ? (node.of as (Logical | Expression)[]) : [node.of as Logical | Expression])
    yield* pathsOf(part)
}

/** `instrumentation_scope` is what scopes were called once. */
const contextNamed = (name: string): Context | undefined =>
  name === 'instrumentation_scope' ? 'scope' : allContexts.find(context => context === name)

function contextMissing([first]: readonly PathField[], among: readonly Context[]): OttlError {
  const near = closest(first!.name, among)
  const remedy =
    near === undefined
      ? `write ${among.map(context => `${context}.${first!.name}`).join(', or ')}`
      : `did you mean ${JSON.stringify(near)}?`
  return new OttlError(`a path must begin with its context here, got ${JSON.stringify(first!.name)}`, first!.at, remedy)
}

interface Compiled {
  /** index into `levels`: the innermost it depends on */
  readonly level: number
  readonly identity: boolean
}
interface CompiledValue extends Compiled {
  readonly get: Getter
  readonly constant: boolean
}
interface CompiledTest extends Compiled {
  readonly test: (at: Place) => boolean
}

class Compiler {
  readonly #context: Context
  /** paths may leave the context's name out */
  readonly #short: boolean
  readonly #level: number

  constructor(context: Context, short: boolean) {
    this.#context = context
    this.#short = short
    this.#level = levels.indexOf(levelOf[context])
  }

  logical(node: Logical): CompiledTest {
    switch (node.is) {
      case 'and':
      case 'or':
        return this.#joined(
          node.of.map(part => this.logical(part)),
          node.is === 'or',
        )
      case 'not': {
        const { test, level, identity } = this.logical(node.of)
        return { test: at => !test(at), level, identity }
      }
      case 'compare':
        return this.#kept(this.#comparison(node.operator, this.value(node.left), this.value(node.right)))
      case 'bare': {
        const { get, level, identity } = this.value(node.of)
        if (node.of.is === 'call' && functions[node.of.name]?.decides === false)
          throw new OttlError(`${node.of.name} is neither true nor false`, node.at, 'compare it with something')
        return this.#kept({ test: at => get(at) === true, level, identity })
      }
    }
  }

  #joined(parts: readonly CompiledTest[], either: boolean): CompiledTest {
    const tests = parts.map(part => part.test)
    const test = (at: Place) => {
      for (const one of tests) if (one(at) === either) return either
      return !either
    }
    return { test, level: Math.max(...parts.map(part => part.level)), identity: parts.every(part => part.identity) }
  }

  #comparison(operator: Comparison, left: CompiledValue, right: CompiledValue): CompiledTest {
    const level = Math.max(left.level, right.level)
    const identity = left.identity && right.identity
    const literal = right.constant ? right.get(nowhere) : undefined
    // The usual case, without asking for kinds: a string with a string.
    if (typeof literal === 'string' && operator === '==') return { test: at => left.get(at) === literal, level, identity }
    if (typeof literal === 'string' && operator === '!=') return { test: at => left.get(at) !== literal, level, identity }
    return { test: at => compare(left.get(at), right.get(at), operator), level, identity }
  }

  /** Keeps the answer for as long as the resource, scope or metric that it depends on is the same. */
  #kept(made: CompiledTest): CompiledTest {
    if (made.level >= this.#level) return made
    const { test, level } = made
    let round = 0
    let index = -1
    let answer = false
    const kept = (at: Place) => {
      const here = indexAt[levels[level]!](at)
      if (at.round !== round || here !== index) {
        answer = test(at)
        round = at.round
        index = here
      }
      return answer
    }
    return { ...made, test: kept }
  }

  value(node: Expression): CompiledValue {
    const { at } = node
    switch (node.is) {
      case 'literal':
        return constant(node.value)
      case 'enum':
        return constant(enumOf(node.name, at))
      case 'list': {
        const parts = node.of.map(part => this.value(part))
        if (!parts.every(part => part.constant)) throw new OttlError('a list may hold only literals here', at)
        return constant(parts.map(part => part.get(nowhere)) as Value)
      }
      case 'path':
        return this.#path(node.fields)
      case 'call':
        return this.#call(node.name, node.of, at)
      case 'arithmetic':
        return arithmetic(node.operator, this.value(node.left), this.value(node.right), at)
    }
  }

  #path(fields: readonly PathField[]): CompiledValue {
    const [first] = fields
    const named = fields.length > 1 ? contextNamed(first!.name) : undefined
    const may = visible[this.#context]
    if (named === undefined && !this.#short) throw contextMissing(fields, may)
    if (named !== undefined && !may.includes(named))
      throw new OttlError(
        `${JSON.stringify(first!.name)} cannot be reached from ${JSON.stringify(this.#context)}`,
        first!.at,
        `within reach: ${may.join(', ')}`,
      )
    const context = named ?? this.#context
    const rest = named === undefined ? fields : fields.slice(1)
    const path = pathOf(context, rest)
    if (path === undefined) throw unknownPath(context, rest)
    const indexed = rest.find((field, i) => field.keys.length > 0 && !(path.keys && i === 0))
    if (indexed !== undefined) throw new OttlError(`${JSON.stringify(indexed.name)} cannot be indexed`, indexed.at)
    return { get: path.get, identity: path.identity, level: levels.indexOf(levelOf[context]), constant: false }
  }

  #call(name: string, given: readonly Expression[], at: number): CompiledValue {
    const known = Object.hasOwn(functions, name) ? functions[name] : undefined
    if (known === undefined) throw unknownFunction(name, at)
    if (given.length !== known.parameters.length)
      throw new OttlError(
        `${name} takes ${known.parameters.length === 0 ? 'nothing' : known.parameters.join(' and ')}, got ${given.length} arguments`,
        at,
      )
    if (known.contexts !== undefined && !known.contexts.includes(this.#context))
      throw new OttlError(`${name} can be asked of ${known.contexts.join(' and ')} only, not of ${this.#context}`, at)
    const values = given.map(one => this.value(one))
    const get = known.make(given.map((written, i) => ({ written, get: values[i]!.get })))
    // A function of nothing asks about the place itself.
    const level = known.contexts === undefined ? Math.max(0, ...values.map(value => value.level)) : this.#level
    return { get, identity: known.identity && values.every(value => value.identity), level, constant: false }
  }
}

/** Literals ask nothing of it. */
const nowhere = undefined as unknown as Place

const indexAt: Readonly<Record<Level, (at: Place) => number>> = {
  resource: at => at.resource,
  scope: at => at.scope,
  metric: at => at.metric,
  row: at => at.row,
  event: at => at.event,
}

function constant(value: Value): CompiledValue {
  return { get: () => value, level: 0, identity: true, constant: true }
}

function enumOf(name: string, at: number): number {
  const value = enums.get(name)
  if (value !== undefined) return value
  const near = closest(name, [...enums.keys()])
  throw new OttlError(
    `unknown symbol ${JSON.stringify(name)}`,
    at,
    near === undefined ? undefined : `did you mean ${JSON.stringify(near)}?`,
  )
}

function unknownPath(context: Context, fields: readonly PathField[]): OttlError {
  const name = fields.map(field => field.name).join('.')
  const known = pathNames(context)
  const near = closest(name, known)
  const remedy = near === undefined ? `known: ${known.join(', ')}` : `did you mean ${JSON.stringify(near)}?`
  return new OttlError(`${context} has no path ${JSON.stringify(name)} here`, fields[0]!.at, remedy)
}

function unknownFunction(name: string, at: number): OttlError {
  const known = Object.keys(functions)
  if (otherFunctions.includes(name)) return new OttlError(`not supported: the function ${name}`, at, `supported: ${known.join(', ')}`)
  const near = closest(name, [...known, ...otherFunctions])
  return new OttlError(
    `unknown function ${JSON.stringify(name)}`,
    at,
    near === undefined ? `known: ${known.join(', ')}` : `did you mean ${JSON.stringify(near)}?`,
  )
}

/** Times and durations only: what is needed to say how long something took. */
function arithmetic(operator: string, left: CompiledValue, right: CompiledValue, at: number): CompiledValue {
  if (operator !== '-' && operator !== '+')
    throw new OttlError(`not supported: ${JSON.stringify(operator)}`, at, 'compute with times and durations only: + and -')
  const sign = operator === '-' ? -1n : 1n
  const get: Getter = place => {
    const [a, b] = [left.get(place), right.get(place)]
    if (a instanceof Time && b instanceof Time && sign < 0n) return new Duration(a.ns - b.ns)
    if (a instanceof Time && b instanceof Duration) return new Time(a.ns + sign * b.ns)
    if (a instanceof Duration && b instanceof Duration) return new Duration(a.ns + sign * b.ns)
    throw new ValueError('only times and durations can be computed with')
  }
  if (left.constant && right.constant) throw new OttlError(`not supported: ${JSON.stringify(operator)} of literals`, at, 'write the result')
  return { get, level: Math.max(left.level, right.level), identity: left.identity && right.identity, constant: false }
}
