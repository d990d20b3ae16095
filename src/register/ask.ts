/** One question over HTTP that keeps no process alive and is no part of a trace. */
import { request as askHttp } from 'node:http'
import { request as askHttps } from 'node:https'
import { context, ROOT_CONTEXT } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'

/** [ms] */
const patience = 5000

/** @throws where there is no answer of 200 within five seconds, or it is no JSON */
export function fetchJson(url: string): Promise<unknown> {
  return context.with(
    suppressTracing(ROOT_CONTEXT),
    () =>
      new Promise((resolve, reject) => {
        const ask = url.startsWith('https:') ? askHttps : askHttp
        const call = ask(url, { headers: { accept: 'application/json' }, timeout: patience, agent: false }, answer => {
          let text = ''
          answer.setEncoding('utf8')
          answer.on('data', (piece: string) => (text += piece))
          answer.on('error', reject)
          answer.on('end', () => {
            try {
              if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`)
              resolve(JSON.parse(text))
            } catch (error) {
              reject(error)
            }
          })
        })
        call.on('socket', socket => socket.unref())
        call.on('timeout', () => call.destroy(new Error('no answer')))
        call.on('error', reject)
        call.end()
      }),
  )
}
