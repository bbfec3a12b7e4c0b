import { describe, expect, test } from '@jest/globals'
import { AltostratusError, DecodeError, assert } from '../../src/base/errors.ts'

describe('errors', () => {
  test('a hint is part of the message and stands alone too', () => {
    const cause = new Error('below')
    const error = new AltostratusError('PORT_IN_USE', 'The port is in use.', { hint: 'Choose another.', cause })
    expect(error.message).toBe('The port is in use. Choose another.')
    expect(error.hint).toBe('Choose another.')
    expect(error.code).toBe('PORT_IN_USE')
    expect(error.cause).toBe(cause)
    expect(error.name).toBe('AltostratusError')
  })

  test('without options there is neither hint nor cause', () => {
    const error = new AltostratusError('X', 'plain')
    expect(error.message).toBe('plain')
    expect(error.hint).toBeUndefined()
    expect('cause' in error).toBe(false)
  })

  test('a decode error keeps its reason by itself', () => {
    const error = new DecodeError('truncated')
    expect(error).toBeInstanceOf(AltostratusError)
    expect(error).toMatchObject({ name: 'DecodeError', code: 'DECODE', reason: 'truncated' })
  })

  test('an assertion that fails is loud, one that holds is silent', () => {
    expect(() => assert(true, 'fine')).not.toThrow()
    expect(() => assert(false, 'what broke')).toThrow(expect.objectContaining({ code: 'BUG', message: 'internal error: what broke' }))
  })
})
