/** Options of {@link AltostratusError}. */
export interface ErrorOptions {
  /** What the person who reads the message can do about it. */
  readonly hint?: string
  /** The error that led to this one. */
  readonly cause?: unknown
}

/**
 * Every error that this SDK throws on purpose. `code` is stable and documented in `docs/errors.md`;
 * the message is for people and may change.
 */
export class AltostratusError extends Error {
  /** A stable name, such as `ROOM_NOT_FOUND`. */
  readonly code: string
  /** What to do about it, when there is something to do. */
  readonly hint: string | undefined

  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(options.hint === undefined ? message : `${message} ${options.hint}`)
    if (options.cause !== undefined) this.cause = options.cause
    this.name = 'AltostratusError'
    this.code = code
    this.hint = options.hint
  }
}

/**
 * Bytes from the network (or a stored file) that do not follow their format. The reason is a short stable
 * phrase, so that it can serve as the key of a counter.
 */
export class DecodeError extends AltostratusError {
  /** What was wrong, in a few stable words, such as `truncated`. */
  readonly reason: string

  constructor(reason: string) {
    super('DECODE', `malformed bytes: ${reason}`)
    this.name = 'DecodeError'
    this.reason = reason
  }
}

/** Throws when something that only our own code could have got wrong is wrong. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new AltostratusError('BUG', `internal error: ${what}`)
}
