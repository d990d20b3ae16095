/** What the page in hand tells, as a tree: resources, scopes, metrics and points, each marked with the iteration that has seen it. */
import { Output } from './bytes.ts'
import { Fragment } from './piece.ts'
import type { Point } from './point.ts'
import type { Reading } from './reading.ts'
import { noSlots } from './slots.ts'
import type { MetricNode, ResourceNode, ScopeNode, Told } from './tree.ts'

export class Active {
  /** counts what is written */
  iteration = 0
  #resources: ResourceNode[] = []

  begin(): void {
    this.iteration++
    this.#resources = []
  }

  letGo(): void {
    this.#resources = []
  }

  mark(point: Point, time: number): void {
    const { iteration } = this
    const { metric } = point
    if (point.stale) restore(point)
    point.begin(iteration, time)
    if (metric.seen !== iteration) {
      metric.seen = iteration
      metric.slots = noSlots
      metric.active = []
      this.#mark(metric.scope)
      metric.scope.active.push(metric)
    }
    metric.active.push(point)
  }

  /** What a piece that was found became in one scope. */
  add(fragment: Fragment): void {
    this.#mark(fragment.scope)
    fragment.scope.active.push(fragment)
  }

  #mark(scope: ScopeNode): void {
    if (scope.seen === this.iteration) return
    scope.seen = this.iteration
    scope.active = []
    const { resource } = scope
    if (resource.seen !== this.iteration) {
      resource.seen = this.iteration
      resource.active = []
      this.#resources.push(resource)
    }
    resource.active.push(scope)
  }

  /** Says of what was told, and is not here any more, that it is no more. @param search pieces that it found are here @returns [points] how many */
  endMissing(told: readonly Told[], search: number, time: number): number {
    let count = 0
    for (const { points, piece } of told) if (piece?.used !== search) for (const point of points) if (this.#endMissing(point, time)) count++
    return count
  }

  #endMissing(point: Point, time: number): boolean {
    if (point.seen === this.iteration) return false
    // Described anew, a series is another object: but the same series.
    const { metric, bounds, buckets } = point
    const current = metric.scope.metrics.get(metric.key)
    const twin = current === metric ? undefined : current?.points.get(point.id)
    if (twin?.seen === this.iteration) return false
    this.mark(point, time)
    point.bounds = bounds
    point.buckets = buckets
    point.stale = true
    metric.points.delete(point.id)
    const draft = metric.draft?.root
    if (draft !== undefined) draft.steady = false
    return true
  }

  /** What lines have told of resources. @param own is told of whether it is here or not */
  inform(reading: Reading, own: ResourceNode): void {
    for (const resource of this.#resources) resource.info = reading.infoOf(resource)
    if (!this.#resources.includes(own)) own.info = reading.infoOf(own)
  }

  /** Leaves out the points that lack something. @returns those that will be missed */
  complete(): Told[] {
    const told: Told[] = []
    for (const resource of this.#resources)
      for (const scope of resource.active)
        for (const part of scope.active)
          if (part instanceof Fragment) for (const each of part.told) told.push(each)
          else told.push(completed(part))
    return told
  }

  /** As a request. @param time [ms] @param values that pieces were found with @param size [bytes] that it will have, roughly */
  write(time: number, values: Float64Array, size = 4096): Uint8Array {
    const output = new Output(size, time)
    for (const resource of this.#resources) resource.write(output, values)
    return output.bytes.subarray(0, output.at)
  }
}

/** It was said to be no more, while its line was remembered. */
function restore(point: Point): void {
  const { metric, id } = point
  if (!metric.points.has(id)) metric.points.set(id, point)
  if (!metric.scope.metrics.has(metric.key)) metric.scope.metrics.set(metric.key, metric)
}

function completed(metric: MetricNode): Told {
  if (!metric.active.every(isComplete)) metric.active = metric.active.filter(isComplete)
  const points = metric.active.every(({ tracked }) => tracked) ? metric.active : metric.active.filter(({ tracked }) => tracked)
  const told = { points: [...points], piece: undefined }
  metric.told = told
  return told
}

const isComplete = (point: Point): boolean => point.complete
