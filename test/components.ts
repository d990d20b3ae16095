/** All components, loaded. */
import { allComponents } from '../src/components.ts'

export { aliases } from '../src/components.ts'
export const components = await allComponents()
