/** What semantic conventions do not cover, by domain. */
import { app } from './app.ts'
import { business } from './business.ts'
import { cache } from './cache.ts'
import { database } from './database.ts'
import { device } from './device.ts'
import { inference } from './inference.ts'
import { ledger } from './ledger.ts'
import { orchestration } from './orchestration.ts'
import { pipeline } from './pipeline.ts'
import { quality } from './quality.ts'
import { security } from './security.ts'
import { session } from './session.ts'
import { signal } from './signal.ts'

export const domains = {
  ...{ signal, device, inference, session, pipeline, orchestration, app },
  ...{ business, quality, database, cache, security, ledger },
}
