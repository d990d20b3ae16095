/** Compensated summation (Kahan, in Neumaier's form): `lost` gathers what the sum had no digits for. Loops that are hot have it written out. */
export class KahanSum {
  #sum = 0
  #lost = 0

  clear(): void {
    this.#sum = 0
    this.#lost = 0
  }

  add(x: number): void {
    const next = this.#sum + x
    // What an infinite sum lost would be NaN.
    if (next === Number.POSITIVE_INFINITY || next === Number.NEGATIVE_INFINITY) this.#lost = 0
    else this.#lost += Math.abs(this.#sum) >= Math.abs(x) ? this.#sum - next + x : x - next + this.#sum
    this.#sum = next
  }

  get total(): number {
    return this.#sum + this.#lost
  }
}
