import { z } from 'zod'

/** `{ <key>: [...], match_type: strict | regexp }`, as in the Collector's hostmetrics. */
export const match = <K extends string>(key: K, what: string) =>
  z
    .strictObject({
      [key]: z.array(z.string()).describe(`${what}.`).default([]),
      match_type: z.enum(['strict', 'regexp']).describe('Whether these are names or regular expressions.').default('strict'),
    } as Record<K, z.ZodDefault<z.ZodArray<z.ZodString>>> & { match_type: z.ZodDefault<z.ZodEnum<{ strict: 'strict'; regexp: 'regexp' }>> })
    .superRefine((value, ctx) => {
      const { match_type, [key]: list } = value as Match & Record<K, string[]>
      if (match_type !== 'regexp') return
      for (const [i, pattern] of list.entries()) {
        if (!isPattern(pattern)) ctx.addIssue({ code: 'custom', path: [key, i], message: 'must be a regular expression' })
      }
    })

/** Which file systems are measured. */
export const fileSystemSettings = {
  include_virtual_filesystems: z.boolean().describe('Also file systems that are on no disk, such as tmpfs.').default(false),
  include_devices: match('devices', 'Only on these devices').optional().describe('Which devices are measured.'),
  exclude_devices: match('devices', 'Not on these devices').optional().describe('Which devices are not measured.'),
  include_fs_types: match('fs_types', 'Only of these types').optional().describe('Which types of file system are measured.'),
  exclude_fs_types: match('fs_types', 'Not of these types').optional().describe('Which types of file system are not measured.'),
  include_mount_points: match('mount_points', 'Only at these places').optional().describe('Which mount points are measured.'),
  exclude_mount_points: match('mount_points', 'Not at these places').optional().describe('Which mount points are not measured.'),
}

interface Match {
  readonly match_type: 'strict' | 'regexp'
}

function isPattern(text: string): boolean {
  try {
    new RegExp(text)
    return true
  } catch {
    return false
  }
}

export type Named<K extends string> = Match & { readonly [name in K]: readonly string[] }

/** What is listed in `include`, if anything is, and not in `exclude`. */
export function filter<K extends string>(key: K, include: Named<K> | undefined, exclude: Named<K> | undefined): (name: string) => boolean {
  const [wanted, unwanted] = [matcher(include?.[key], include), matcher(exclude?.[key], exclude)]
  return name => (wanted?.(name) ?? true) && !(unwanted?.(name) ?? false)
}

function matcher(list: readonly string[] | undefined, match: Match | undefined): ((name: string) => boolean) | undefined {
  if (list === undefined || list.length === 0) return undefined
  if (match?.match_type === 'regexp') {
    const patterns = list.map(pattern => new RegExp(pattern))
    return name => patterns.some(pattern => pattern.test(name))
  }
  const names = new Set(list)
  return name => names.has(name)
}
