/** How far apart two words are, for "did you mean". */

/**
 * Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`: Damerau-Levenshtein, optimal string alignment.
 */
export function distance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let edits = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) edits = Math.min(edits, before[j - 2]! + 1)
      next.push(edits)
    }
    before = row
    row = next
  }
  return row[b.length]!
}

/** The candidate a person most likely meant by `word`; undefined where none is close. Case, `-` and `_` weigh nothing. */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  const bare = (text: string) => text.toLowerCase().replace(/[-_\s]/g, '')
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of candidates) {
    const limit = Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3))
    const edits = distance(bare(word), bare(candidate))
    if (edits <= limit && edits < least) {
      best = candidate
      least = edits
    }
  }
  return best
}
