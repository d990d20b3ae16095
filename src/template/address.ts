/** Hosts and ports, as Go's net package takes them apart. */

/** @returns undefined where there is no `host:port` */
export function splitHostPort(text: string): { readonly host: string; readonly port: string } | undefined {
  const colon = text.lastIndexOf(':')
  if (colon < 0) return undefined
  if (!text.startsWith('[')) {
    const host = text.slice(0, colon)
    return /[:[\]]/.test(host) || /[[\]]/.test(text.slice(colon)) ? undefined : { host, port: text.slice(colon + 1) }
  }
  const end = text.indexOf(']')
  if (end < 0 || end + 1 !== colon) return undefined
  const host = text.slice(1, end)
  return /[[\]]/.test(host) || /[[\]]/.test(text.slice(end + 1)) ? undefined : { host, port: text.slice(colon + 1) }
}

/** A host with a colon, which only an IPv6 address has, goes into brackets. */
export const joinHostPort = (host: string, port: string): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

export const isAddress = (text: string): boolean => isIpv4(text) || isIpv6(text)

const isIpv4 = (text: string): boolean => /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text)

function isIpv6(text: string): boolean {
  const dotted = /^(.*:)([^:]*\.[^:]*)$/.exec(text)
  if (dotted !== null) return isIpv4(dotted[2]!) && isIpv6(`${dotted[1]}0:0`)
  const halves = text.split('::')
  if (halves.length > 2) return false
  const groups = halves.flatMap(half => (half === '' ? [] : half.split(':')))
  return groups.every(group => /^[0-9a-fA-F]{1,4}$/.test(group)) && (halves.length === 2 ? groups.length < 8 : groups.length === 8)
}
