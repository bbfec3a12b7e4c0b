export { AltostratusError } from '../base/errors.ts'
