/** What components may serve on the `api` listener: said to whoever looks for it in vain, and so known without loading them. */
import type { OptionalPage } from '../component/component.ts'
import { page as otlp } from '../receivers/otlp/page.ts'
import { page as remoteWrite } from '../receivers/prometheus_remote_write/page.ts'

export const optionalPages: readonly OptionalPage[] = [remoteWrite, otlp]
