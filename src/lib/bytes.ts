/** Sizes as people write them: `64MiB`, `4KB`, `1024`. */

const units: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
}

/** @returns bytes, or undefined where `text` is not a size */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([KMG]i?B|B)?$/.exec(text)
  return match ? Math.round(Number(match[1]) * units[match[2] ?? '']!) : undefined
}

export function showBytes(bytes: number): string {
  for (const unit of ['GiB', 'MiB', 'KiB'] as const) {
    if (bytes >= units[unit]!) return `${Number((bytes / units[unit]!).toPrecision(3))}${unit}`
  }
  return `${bytes}B`
}
