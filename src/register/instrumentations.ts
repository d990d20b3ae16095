/**
 * The community's instrumentations, of which the application has installed what it wants: the bundle `@opentelemetry/auto-instrumentations-node`,
 * or single packages. Only those are loaded whose library can be found from the application.
 */
import { createRequire, isBuiltin } from 'node:module'
import { join } from 'node:path'
import type { Instrumentation } from '@opentelemetry/instrumentation'
import type { Hooked } from './hooks.ts'
import { exists, readJson } from './outside.ts'
import type { Application } from './resource.ts'

const prefix = '@opentelemetry/instrumentation-'
const bundle = '@opentelemetry/auto-instrumentations-node'

/** By the instrumentation's short name, the packages that it is for; those not named here are for the package of their own name. */
const libraries: Readonly<Record<string, readonly string[]>> = {
  amqplib: ['amqplib'],
  'aws-sdk': ['aws-sdk', '@aws-sdk/smithy-client', '@smithy/smithy-client', '@smithy/core', '@smithy/middleware-stack'],
  'cassandra-driver': ['cassandra-driver'],
  cucumber: ['@cucumber/cucumber'],
  grpc: ['@grpc/grpc-js'],
  hapi: ['@hapi/hapi'],
  koa: ['koa', '@koa/router', 'koa-router'],
  lru: ['lru-memoizer'],
  mongodb: ['mongodb'],
  mysql2: ['mysql2'],
  'nestjs-core': ['@nestjs/core'],
  pg: ['pg', 'pg-pool'],
  redis: ['redis', '@redis/client'],
  restify: ['restify'],
}
/** Without a word from the user: ours, and noise. */
const ours: ReadonlySet<string> = new Set(['http', 'undici', 'host-metrics', 'runtime-node'])
const noise: ReadonlySet<string> = new Set(['fs', 'net', 'dns', 'aws-lambda'])
/** Libraries that people look for in a trace: where one is used and nothing instruments it, it is said. Express and fastify are not among them: their routes are known without. */
const wellKnown = [
  'koa',
  '@hapi/hapi',
  '@nestjs/core',
  'pg',
  'mysql',
  'mysql2',
  'mongodb',
  'mongoose',
  'ioredis',
  'redis',
  'kafkajs',
  'amqplib',
  'graphql',
  'pino',
  'winston',
  'bunyan',
  '@grpc/grpc-js',
]

export interface Found {
  readonly instrumentations: readonly Hooked[]
  /** short names, in the order of the alphabet */
  readonly names: readonly string[]
  /** libraries of the application that nothing instruments */
  readonly missed: readonly string[]
  /** `pg: why` */
  readonly failed: readonly string[]
}

export const noInstrumentations: Found = { instrumentations: [], names: [], missed: [], failed: [] }

export interface Choice {
  readonly enabled: ReadonlySet<string> | undefined
  readonly disabled: ReadonlySet<string>
}

export function findInstrumentations(app: Application, workingDirectory: string, { enabled, disabled }: Choice): Found {
  const places = [app.folder, workingDirectory].map(folder => createRequire(join(folder, 'here.js')))
  const packages = packagesOf(places, app)
  /** With strict package managers a library that is used indirectly cannot be seen from here. */
  const hidesLibraries = process.versions['pnp'] !== undefined || places.some(place => has(place, '.pnpm'))
  const instrumentations: Hooked[] = []
  const names: string[] = []
  const failed: string[] = []
  for (const [name, place] of packages) {
    const short = name.startsWith(prefix) ? name.slice(prefix.length) : name
    if (disabled.has(short) || ours.has(short)) continue
    if (enabled !== undefined ? !enabled.has(short) : noise.has(short)) continue
    // Express 5 is made of router: with both, each layer would have two spans.
    if (short === 'router' && enabled === undefined && packages.has(`${prefix}express`) && places.some(from => has(from, 'express')))
      continue
    const wanted = libraries[short] ?? [short]
    const used =
      enabled?.has(short) || hidesLibraries || wanted.some(library => isBuiltin(library) || places.some(from => has(from, library)))
    if (!used && name.startsWith(prefix)) continue
    try {
      const from = createRequire(place.resolve(name)).resolve('@opentelemetry/instrumentation')
      for (const Made of constructors(place(name))) instrumentations.push({ instrumentation: new Made(), from })
      names.push(short)
    } catch (error) {
      failed.push(`${short}: ${error instanceof Error ? error.message.split('\n', 1)[0] : error}`)
    }
  }
  const covered = new Set(names.flatMap(name => libraries[name] ?? [name]))
  const missed = app.dependencies.filter(name => wellKnown.includes(name) && !covered.has(name) && !disabled.has(name))
  return { instrumentations, names: names.toSorted(), missed, failed }
}

type Require = ReturnType<typeof createRequire>

/** By package, from where it is loaded: those of the bundle from the bundle's place. */
function packagesOf(places: readonly Require[], app: Application): Map<string, Require> {
  const found = new Map<string, Require>()
  for (const place of places) {
    const from = place.resolve.paths(bundle)?.find(folder => exists(join(folder, bundle)))
    if (from === undefined) continue
    const manifest = join(from, bundle, 'package.json')
    const within = createRequire(manifest)
    for (const name of Object.keys(readJson(manifest)?.['dependencies'] ?? {})) if (name.startsWith(prefix)) found.set(name, within)
    break
  }
  for (const name of app.dependencies) if (name.startsWith(prefix) || name === '@fastify/otel') found.set(name, places[0]!)
  return found
}

/** Looked for on disk: resolving would ask for an entry point, which some packages do not give everybody. */
const has = (place: Require, library: string): boolean =>
  place.resolve.paths(library)?.some(folder => exists(join(folder, library))) ?? false

/** What a package exports that instruments. */
function constructors(exported: Readonly<Record<string, unknown>>): (new () => Instrumentation)[] {
  const made = Object.entries(exported).filter(([name, value]) => /Instrumentation$/.test(name) && typeof value === 'function')
  return [...new Set(made.map(([, value]) => value as new () => Instrumentation))]
}
