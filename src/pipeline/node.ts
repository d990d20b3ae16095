/** One running component, or one that is about to run in the place of another. */
import type { Component, Context } from '../component/component.ts'
import type { Kind } from '../component/ledger.ts'

export interface Made {
  readonly component: Component
  readonly context: Context
}

export class Node {
  readonly kind: Kind | 'extension'
  readonly id: string
  /** kind, id, and what tells instances of one id apart: the signal, or the pipeline */
  readonly key: string
  /** what it was made from: one of the same key and recipe is as good */
  readonly recipe: Recipe
  readonly #make: () => Made
  #made: Made
  /** the end of its shutdown, once that has begun */
  stopping: Promise<void> | undefined

  constructor(kind: Node['kind'], id: string, key: string, recipe: Recipe, make: () => Made) {
    this.kind = kind
    this.id = id
    this.key = key
    this.recipe = recipe
    this.#make = make
    this.#made = make()
  }

  get component(): Component {
    return this.#made.component
  }
  get context(): Context {
    return this.#made.context
  }

  /** Another instance of the same settings, since one that has been shut down does not start again. @returns the context of the former */
  renew(): Context {
    const { context } = this.#made
    this.#made = this.#make()
    this.stopping = undefined
    return context
  }
}

export interface Recipe {
  readonly factory: object
  /** the settings as they were written */
  readonly written: string
  /** which signals somebody listens to, where the component was told at its making */
  readonly heard: string
}

export function sameRecipe(a: Recipe, b: Recipe): boolean {
  return a.factory === b.factory && a.written === b.written && a.heard === b.heard
}
