/** Units of Prometheus in OpenTelemetry's words. */
const ucum: Readonly<Record<string, string>> = {
  ...{ days: 'd', hours: 'h', minutes: 'min', seconds: 's', milliseconds: 'ms', microseconds: 'us', nanoseconds: 'ns' },
  ...{ bytes: 'By', kibibytes: 'KiBy', mebibytes: 'MiBy', gibibytes: 'GiBy', tibibytes: 'TiBy' },
  ...{ kilobytes: 'KBy', megabytes: 'MBy', gigabytes: 'GBy', terabytes: 'TBy' },
  ...{ meters: 'm', volts: 'V', amperes: 'A', joules: 'J', watts: 'W', grams: 'g' },
  ...{ celsius: 'Cel', hertz: 'Hz', ratio: '1', percent: '%' },
}
const per: Readonly<Record<string, string>> = { second: 's', minute: 'm', hour: 'h', day: 'd', week: 'w', month: 'mo', year: 'y' }

/** `seconds` → `s`, `meters_per_second` → `m/s`; what is not known stays. */
export function toUcum(unit: string): string {
  const at = unit.indexOf('_per_')
  const first = at < 0 ? unit : unit.slice(0, at)
  const second = at < 0 ? '' : unit.slice(at + 5)
  return `${ucum[first] ?? first}${second === '' ? '' : `/${per[second] ?? second}`}`
}
