export { AltostratusError } from '../base/errors.ts'
export type { ErrorOptions } from '../base/errors.ts'
