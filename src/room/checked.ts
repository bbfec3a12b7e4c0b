import { AltostratusError, DecodeError } from '../base/errors.ts'

/** Turns a decoder's complaint about the application's own value into an error that names it. */
export function checked(what: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw new AltostratusError('BAD_VALUE', `The ${what} can not be used: ${error.reason}.`)
  }
}
