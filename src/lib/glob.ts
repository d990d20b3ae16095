/** Patterns of paths, as Go's filepath.Glob has them: `*`, `?` and `[a-z]` within one name; no `**`. */

/**
 * The files that a pattern names, sorted. What has no wildcard in it is itself, whether there is such a file or not.
 * @param list the names in a folder, which comes without a slash at its end; none where there is no such folder
 */
export async function glob(
  pattern: string,
  list: (folder: string) => readonly string[] | Promise<readonly string[]>,
): Promise<readonly string[]> {
  if (!isPattern(pattern)) return [pattern]
  const slash = pattern.lastIndexOf('/')
  const folders = slash < 0 ? [''] : slash === 0 ? ['/'] : (await glob(pattern.slice(0, slash), list)).map(each => `${each}/`)
  const { test } = matcher(pattern.slice(slash + 1))
  const found: string[] = []
  for (const folder of folders) {
    const names = await list(folder === '' ? '.' : folder === '/' ? '/' : folder.slice(0, -1))
    for (const name of names.filter(test).toSorted()) found.push(`${folder}${name}`)
  }
  return found
}

const isPattern = (text: string): boolean => /[*?[]/.test(text)

/** Tests a name against a pattern of one name, in time linear in both: a star remembers where it stood last. */
function matcher(pattern: string): { readonly test: (name: string) => boolean } {
  const parts = pattern.match(/\*|\?|\[\^?\]?[^\]]*\]|\\.|./gs) ?? []
  const tests = parts.map(part => (part === '*' ? undefined : oneCharacter(part)))
  return {
    test: name => {
      let [at, i, star, mark] = [0, 0, -1, 0]
      while (at < name.length) {
        const one = tests[i]
        if (i < tests.length && one === undefined) {
          star = i++
          mark = at
        } else if (one?.(name[at]!) === true) {
          i++
          at++
        } else if (star < 0) return false
        else {
          i = star + 1
          at = ++mark
        }
      }
      while (i < tests.length && tests[i] === undefined) i++
      return i === tests.length
    },
  }
}

function oneCharacter(part: string): (char: string) => boolean {
  if (part === '?') return () => true
  if (part.length === 1) return char => char === part
  if (part.startsWith('\\')) return char => char === part[1]
  const negated = part[1] === '^'
  const inside = part.slice(negated ? 2 : 1, -1)
  const ranges = inside.match(/.-.|./gs) ?? []
  return char => ranges.some(range => (range.length === 3 ? range[0]! <= char && char <= range[2]! : range === char)) !== negated
}
