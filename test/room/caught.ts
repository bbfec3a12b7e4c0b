import { AltostratusError } from '../../src/base/errors.ts'

/** The typed error that a promise rejects with. @throws whatever else becomes of it */
export async function caught(promise: Promise<unknown>): Promise<AltostratusError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof AltostratusError) return error
    throw error
  }
  throw new Error('nothing went wrong')
}
