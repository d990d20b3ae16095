/** What keeps telemetry from arriving and makes no noise: looked for before the service runs. Pure over what is handed in. */
import { dirname, join } from 'node:path'

export interface Finding {
  readonly is: 'good' | 'bad'
  readonly says: string
  /** what to do */
  readonly remedy?: string
}

/** One copy of a package of OpenTelemetry. */
export interface Copy {
  readonly name: string
  readonly version: string
  /** path of its folder */
  readonly folder: string
}

export interface Tree {
  /** the names in a folder; none where there is no such folder */
  list(folder: string): readonly string[]
  json(path: string): Readonly<Record<string, unknown>> | undefined
}

/** [folders] where trees are deeper than anybody's, or go in circles, the search ends */
const maxFolders = 20_000

/** Every copy below a project's `node_modules`, nested ones too, and those of the folders above it. */
export function copiesOf(project: string, tree: Tree): Copy[] {
  const found: Copy[] = []
  let looked = 0
  const visit = (modules: string) => {
    if (looked++ > maxFolders) return
    for (const name of tree.list(modules)) {
      if (name === '.pnpm') for (const store of tree.list(join(modules, name))) visit(join(modules, name, store, 'node_modules'))
      if (name.startsWith('.')) continue
      for (const short of name.startsWith('@') ? tree.list(join(modules, name)).map(of => `${name}/${of}`) : [name]) {
        const folder = join(modules, short)
        if (short.startsWith('@opentelemetry/')) {
          const version = tree.json(join(folder, 'package.json'))?.['version']
          if (typeof version === 'string') found.push({ name: short, version, folder })
        }
        if (tree.list(join(folder, 'node_modules')).length > 0) visit(join(folder, 'node_modules'))
      }
    }
  }
  for (let at = project; ; at = dirname(at)) {
    visit(join(at, 'node_modules'))
    if (dirname(at) === at) return found
  }
}

/** @param ours the version of the API through which the SDK registers */
export function examinePackages(copies: readonly Copy[], ours: string): Finding[] {
  const findings: Finding[] = []
  const [ourMajor, ourMinor] = numbers(ours)
  const apis = copies.filter(({ name }) => name === '@opentelemetry/api')
  for (const { version, folder } of apis) {
    const [major, minor] = numbers(version)
    // The API asks for what was registered through a version that is no older than its own.
    if (major === ourMajor && minor <= ourMinor) continue
    findings.push(
      bad(
        `@opentelemetry/api ${version} in ${folder} is disconnected: whoever uses it records nothing`,
        `the SDK registers through ${ours}: npm install @opentelemetry/api@${ours}, and npm dedupe`,
      ),
    )
  }
  for (const { version, folder } of copies.filter(({ name }) => name === '@opentelemetry/api-logs'))
    findings.push(
      bad(
        `@opentelemetry/api-logs ${version} in ${folder} is disconnected: log records of whoever uses it vanish`,
        'logs are in @opentelemetry/api since 1.10: update what brings it (npm ls @opentelemetry/api-logs)',
      ),
    )
  const sdks = Map.groupBy(
    copies.filter(({ name }) => /^@opentelemetry\/(sdk-|core$|resources$)/.test(name) && !name.endsWith('/sdk-node')),
    ({ version }) => numbers(version)[0],
  )
  if (sdks.size > 1) {
    const kinds = [...sdks].map(
      ([major, list]) => `${major}.x (${[...new Set(list.map(({ name }) => name.slice(15)))].slice(0, 3).join(', ')})`,
    )
    findings.push(
      bad(
        `OpenTelemetry SDKs of several majors are installed: ${kinds.toSorted().join(' and ')}`,
        'their objects do not fit together: update what brings the old one (npm ls @opentelemetry/core)',
      ),
    )
  }
  const bundle = copies.find(({ name }) => name === '@opentelemetry/auto-instrumentations-node')
  const [, bundleMinor] = numbers(bundle?.version ?? '0.0')
  if (bundle !== undefined && bundleMinor < 80)
    findings.push(
      bad(
        `@opentelemetry/auto-instrumentations-node ${bundle.version} is for an older SDK`,
        'npm install @opentelemetry/auto-instrumentations-node@latest',
      ),
    )
  const versions = [...new Set(apis.map(({ version }) => version))]
  if (findings.length === 0)
    findings.push({
      is: 'good',
      says: `packages: ${copies.length} of OpenTelemetry, @opentelemetry/api ${versions.join(', ') || 'none but ours'}`,
    })
  return findings
}

export function examineNode(version: string): Finding {
  const [major, minor, patch] = numbers(version)
  const before = (...than: [number, number, number]) =>
    [major, minor, patch].join('.').localeCompare(than.join('.'), 'en', { numeric: true }) < 0
  if (before(22, 15, 0)) return bad(`Node ${version} is too old`, 'install 22.15 or newer')
  const synchronous = major === 22 ? !before(22, 22, 3) : major === 24 ? !before(24, 11, 1) : major === 25 ? !before(25, 1, 0) : major >= 26
  return {
    is: 'good',
    says: synchronous
      ? `Node ${version}: ES modules are hooked as they load`
      : `Node ${version}: ES modules are hooked by a thread of their own, which starts slower; 22.22.3 and 24.11.1 need none`,
  }
}

/** A script that starts the service without us. */
export function examineScripts(manifest: Readonly<Record<string, unknown>> | undefined, nodeOptions: string | undefined): Finding[] {
  const start = (manifest?.['scripts'] as Readonly<Record<string, unknown>> | undefined)?.['start']
  if (typeof start !== 'string' || !/(^|\s)node(\s|$)/.test(start)) return []
  if (/thalamus\/register|thalamus exec/.test(start) || nodeOptions?.includes('thalamus/register'))
    return [{ is: 'good', says: `npm start: ${start}` }]
  return [
    bad(
      `npm start runs ${JSON.stringify(start)}, with nothing that instruments it`,
      `write ${JSON.stringify(start.replace(/(^|\s)node(?=\s)/, '$1node --import thalamus/register'))}`,
    ),
  ]
}

/** What a destination has answered to a request with nothing in it. */
export function examineAnswer(signals: string, url: string, answer: { readonly status: number } | Error): Finding {
  if (answer instanceof Error)
    return bad(
      `${signals} to ${url}: ${answer.message}`,
      'start what listens there (npx thalamus listens on 4318), or set OTEL_EXPORTER_OTLP_ENDPOINT',
    )
  const { status } = answer
  if (status >= 200 && status < 300) return { is: 'good', says: `${signals} to ${url}: taken` }
  if (status === 401 || status === 403) return bad(`${signals} to ${url}: not let in (${status})`, 'set OTEL_EXPORTER_OTLP_HEADERS')
  if (status === 404)
    return bad(
      `${signals} to ${url}: not found`,
      'OTEL_EXPORTER_OTLP_ENDPOINT is the address without /v1/traces; those of one signal are whole',
    )
  if (status === 415) return bad(`${signals} to ${url}: another encoding is wanted`, 'set OTEL_EXPORTER_OTLP_PROTOCOL to http/protobuf')
  return bad(`${signals} to ${url}: answered ${status}`, 'look at the log of what listens there')
}

const bad = (says: string, remedy: string): Finding => ({ is: 'bad', says, remedy })

function numbers(version: string): [major: number, minor: number, patch: number] {
  const [major = 0, minor = 0, patch = 0] = version.replace(/^v/, '').split(/[.+-]/).map(Number)
  return [major, minor, patch]
}
