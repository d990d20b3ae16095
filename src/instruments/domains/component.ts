/** One part of an application (optimizer, coordinator, validator, gateway …): the same four instruments under its name. */
import { request } from '../bounds.ts'
import { counter, histogram, upDownCounter } from '../definition.ts'

/** `name`: the first word of the names, such as `optimizer` */
export const componentInstruments = (name: string) => ({
  duration: histogram(`${name}.duration`, 's', `One operation of the ${name}.`, request, ['operation', 'outcome']),
  operations: counter(`${name}.operations`, '{operation}', `Operations of the ${name}.`, ['operation', 'outcome']),
  errors: counter(`${name}.errors`, '{error}', `Operations of the ${name} that failed.`, ['operation', 'error.type']),
  active: upDownCounter(`${name}.active`, '{operation}', `Operations of the ${name} under way.`, ['operation']),
})
