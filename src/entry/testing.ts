export { seededRandom } from '../base/random.ts'
export type { Random } from '../base/random.ts'
