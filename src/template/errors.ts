/** A template that cannot be read or carried out, in Go's words. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
}

/** What a function of templates says went wrong; the evaluator adds where. */
export class FunctionError extends Error {
  override readonly name = 'FunctionError'
}
