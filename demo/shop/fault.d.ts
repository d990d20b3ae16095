export interface FaultSetting {
  latency_ms: number
  errors: number
}
export class Fault {
  now: FaultSetting
  constructor(env?: Readonly<Record<string, string | undefined>>)
  set(wanted: Readonly<Record<string, string>>): FaultSetting
  strikes(): Promise<boolean>
}
