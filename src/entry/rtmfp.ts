export { AltostratusError, DecodeError } from '../base/errors.ts'
export { Address } from '../base/address.ts'
export { randomBytes, seededRandom } from '../base/random.ts'
export type { Random } from '../base/random.ts'
