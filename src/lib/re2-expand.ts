import type { Match, Re2 } from './re2.ts'

/**
 * Go's Regexp.Expand: `$1`, `$name`, `${1}` and `${name}` become what the group matched, `$$` a dollar. A name is as long as it can be, so `$1x` is the
 * group called `1x`; what names no group, or one that took no part, is empty; a dollar before anything else stays.
 */
export function expand(template: string, regex: Re2, text: string, match: Match): string {
  if (!template.includes('$')) return template
  return template.replace(/\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/gu, (whole, bare?: string, braced?: string) => {
    const name = bare ?? braced
    if (name === undefined) return whole === '$$' ? '$' : whole
    const group = /^(0|[1-9][0-9]{0,7})$/.test(name) ? Number(name) : groupCalled(name, regex, match)
    return group === undefined || 2 * group >= match.length || match[2 * group]! < 0
      ? ''
      : text.slice(match[2 * group], match[2 * group + 1])
  })
}

/** The first one of the name that took part. */
function groupCalled(name: string, { groups }: Re2, match: Match): number | undefined {
  const index = groups.findIndex((group, i) => group === name && match[2 * i + 2]! >= 0)
  return index < 0 ? undefined : index + 1
}
