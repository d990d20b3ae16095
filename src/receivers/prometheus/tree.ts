/**
 * What a target's series become: resources, scopes, metrics and points, kept from scrape to scrape. A scrape marks what it has
 * seen; what it writes is what is marked.
 */

import type { Label } from '../../exposition/labels.ts'
import type { SampleType } from '../../exposition/read.ts'
import { encodeMessage } from '../../otlp/write.ts'
import type { Output } from './bytes.ts'
import type { Draft, Owner } from './drafts.ts'
import { BYTES, layout, Metric, type PointType, ResourceMetrics, ScopeMetrics, tag } from './fields.ts'
import type { Fragment, Piece } from './piece.ts'
import type { Point } from './point.ts'
import { noSlots } from './slots.ts'

export class ResourceNode {
  readonly attributes: readonly Label[]
  readonly scopes = new Map<string, ScopeNode>()
  /** scopes of the iteration in hand */
  active: ScopeNode[] = []
  seen = -1
  #info: readonly Label[] = []
  #bytes: Uint8Array | undefined

  constructor(attributes: readonly Label[]) {
    this.attributes = attributes
  }

  /** What target_info adds; as long as it says the same, nothing changes. */
  set info(labels: readonly Label[]) {
    if (
      labels.length === this.#info.length &&
      labels.every(([name, value], i) => name === this.#info[i]![0] && value === this.#info[i]![1])
    )
      return
    this.#info = labels
    this.#bytes = undefined
  }

  get bytes(): Uint8Array {
    if (this.#bytes === undefined) {
      const attributes = Object.fromEntries([...this.attributes, ...this.#info])
      this.#bytes = encodeMessage(ResourceMetrics, { resource: { attributes } })
    }
    return this.#bytes
  }

  /** @param values that pieces were found with */
  write(output: Output, values: Float64Array): void {
    const from = output.begin(tag(1, BYTES))
    output.raw(this.bytes)
    for (const scope of this.active) scope.write(output, values)
    output.end(from)
  }
}

export class ScopeNode {
  readonly resource: ResourceNode
  readonly metrics = new Map<string, MetricNode>()
  /** in the order of the page: what was read line by line, and what was found as it was */
  active: (MetricNode | Fragment)[] = []
  seen = -1
  readonly #head: object
  #more: Readonly<Record<string, string>> = {}
  #bytes: Uint8Array | undefined

  constructor(resource: ResourceNode, name: string, version: string, schemaUrl: string, attributes: Readonly<Record<string, string>>) {
    this.resource = resource
    this.#head = { name, version, schemaUrl, attributes }
  }

  /** What otel_scope_info adds, where the scope has no attributes of its own. */
  set info(attributes: Readonly<Record<string, string>>) {
    if (JSON.stringify(attributes) === JSON.stringify(this.#more)) return
    this.#more = attributes
    this.#bytes = undefined
  }

  get bytes(): Uint8Array {
    if (this.#bytes === undefined) {
      const { name, version, schemaUrl, attributes } = this.#head as {
        name: string
        version: string
        schemaUrl: string
        attributes: object
      }
      this.#bytes = encodeMessage(ScopeMetrics, {
        scope: { name, version, attributes: { ...this.#more, ...attributes } },
        schemaUrl: schemaUrl === '' ? undefined : schemaUrl,
      })
    }
    return this.#bytes
  }

  write(output: Output, values: Float64Array): void {
    const from = output.begin(tag(2, BYTES))
    output.raw(this.bytes)
    for (const part of this.active) part.write(output, values)
    output.end(from)
  }
}

export interface Described {
  readonly type: SampleType
  readonly help: string
  readonly unit: string
}

/** Points that will be missed if their series are not there next time. */
export interface Told {
  readonly points: readonly Point[]
  /** where they are all of them, or undefined: they are nowhere together */
  piece: Piece | undefined
}

export class MetricNode implements Owner {
  readonly scope: ScopeNode
  readonly type: PointType
  readonly points = new Map<string, Point>()
  active: Point[] = []
  seen = -1
  readonly about: Described
  /** in its scope */
  readonly key: string
  draft: Draft | undefined
  piece: Piece | undefined
  told: Told | undefined
  /** of the piece that the metric is to be part of, and where in the output it was put */
  slots = noSlots
  from = 0
  to = 0
  readonly #head: Uint8Array

  /**
   * @param name as the page has it, or `trimmed`: what has another name than Prometheus gave it is not marked as Prometheus's
   * @param unit UCUM
   */
  constructor(scope: ScopeNode, key: string, name: string, type: PointType, about: Described, unit: string, trimmed: boolean) {
    this.scope = scope
    this.key = key
    this.type = type
    this.about = about
    this.#head = encodeMessage(Metric, {
      name,
      description: about.help,
      unit,
      metadata: trimmed ? undefined : { 'prometheus.type': about.type },
    })
  }

  write(output: Output): void {
    const { slots } = this
    this.from = output.at
    const from = output.begin(tag(2, BYTES))
    output.raw(this.#head)
    const data = output.begin(tag(layout[this.type].data, BYTES))
    for (const point of this.active) point.write(output, slots)
    if (this.type !== 'gauge' && this.type !== 'summary') {
      // cumulative
      output.byte(tag(2, 0))
      output.byte(2)
    }
    if (this.type === 'monotonic') {
      output.byte(tag(3, 0))
      output.byte(1)
    }
    output.end(data)
    output.end(from)
    this.to = output.at
  }
}
