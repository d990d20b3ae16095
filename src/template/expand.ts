import { FunctionError, TemplateError } from './errors.ts'
import { type EvaluationOptions, evaluate } from './evaluate.ts'
import { functionNames, type HistogramText, histogramValue, type QuerySample, templateFunctions } from './functions.ts'
import { parseTemplate, type Template } from './parse.ts'
import { textMap, type Value } from './value.ts'

/**
 * Templates of Prometheus: Go's text/template with Prometheus's functions, in labels and annotations of alerting rules.
 * Evaluation is synchronous; a template that asks for a query stops, and runs again from the beginning when the answer has come.
 */

/** Answers a query at a time [epoch ms]. What it throws is told in the template's error. */
export type TemplateQuery = (text: string, time: number) => Promise<readonly QuerySample[]>

export interface ExpandOptions extends EvaluationOptions {
  readonly name: string
  readonly data: Value
  /** epoch ms */
  readonly time: number
  readonly externalUrl: string
  readonly query: TemplateQuery
}

/** [queries] that one template may ask */
const MAX_QUERIES = 100

/** @throws {TemplateError} with Prometheus's wording: `error parsing template NAME: …`, `error executing template NAME: …` */
export async function expand(text: string, options: ExpandOptions): Promise<string> {
  // Most labels and annotations are plain.
  if (!text.includes('{{')) return text
  const template = parsed(text, options)
  const answers = new Map<string, readonly QuerySample[] | Error>()
  for (;;) {
    const asked = attempt(template, options, answers)
    if (typeof asked === 'string') return asked
    answers.set(asked.text, await answer(asked.text, options))
  }
}

/** The message of what is wrong with a template, undefined where nothing is: what can be said without carrying it out. */
export function checkTemplate(name: string, text: string): string | undefined {
  try {
    parseTemplate(name, text, functionNames)
    return undefined
  } catch (error) {
    if (error instanceof TemplateError) return error.message
    throw error
  }
}

/** A question that has no answer yet. */
class Asked {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

function attempt(template: Template, options: ExpandOptions, answers: Map<string, readonly QuerySample[] | Error>): string | Asked {
  const functions = templateFunctions({
    time: options.time,
    externalUrl: options.externalUrl,
    query: text => {
      const known = answers.get(text)
      if (known instanceof Error) throw known
      if (known !== undefined) return known
      throw answers.size < MAX_QUERIES ? new Asked(text) : new TemplateError(`a template may ask ${MAX_QUERIES} queries`)
    },
  })
  try {
    return evaluate(template, functions, options.data, options)
  } catch (error) {
    if (error instanceof Asked) return error
    if (error instanceof TemplateError) throw new TemplateError(`error executing template ${options.name}: ${error.message}`)
    throw error
  }
}

async function answer(text: string, { query, time }: ExpandOptions): Promise<readonly QuerySample[] | Error> {
  try {
    return await query(text, time)
  } catch (error) {
    return new FunctionError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

/** The same templates are carried out for every alert at every evaluation: they are read once. By name and text. */
const read = new Map<string, Template>()
/** [templates] remembered; past it all are forgotten */
const MAX_READ = 2_000

function parsed(text: string, options: ExpandOptions): Template {
  const key = `${options.html === true} ${options.name} ${text}`
  const known = read.get(key)
  if (known !== undefined) return known
  const template = readAnew(text, options)
  if (read.size >= MAX_READ) read.clear()
  read.set(key, template)
  return template
}

function readAnew(text: string, { name, html }: ExpandOptions): Template {
  try {
    return parseTemplate(name, text, html === true ? new Set([...functionNames, 'tmpl']) : functionNames)
  } catch (error) {
    if (error instanceof TemplateError) throw new TemplateError(`error parsing template ${name}: ${error.message}`)
    throw error
  }
}

/** What an alert's templates see: `.Labels`, `.ExternalLabels`, `.ExternalURL`, `.Value`. */
export interface AlertData {
  readonly labels: Iterable<readonly [string, string]>
  readonly externalLabels: Iterable<readonly [string, string]>
  readonly externalUrl: string
  readonly value: number | HistogramText
}

/** What stands before an alert's templates, so that `$labels` and the like are there. */
export const alertDefinitions =
  '{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}'

export function alertData({ labels, externalLabels, externalUrl, value }: AlertData): Value {
  return {
    kind: 'object',
    type: 'struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }',
    fields: {
      Labels: textMap(labels),
      ExternalLabels: textMap(externalLabels),
      ExternalURL: externalUrl,
      Value: typeof value === 'number' ? value : histogramValue(value),
    },
    methods: {},
    inner: undefined,
    show: () => '{}',
  }
}
