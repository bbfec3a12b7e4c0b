import { fromHex } from '../base/bytes.ts'
import { AltostratusError } from '../base/errors.ts'
import { FINGERPRINT_LENGTH } from '../crypto/constants.ts'
import { DEFAULT_PORT } from './constants.ts'

/** An introducer's URL taken apart: `rtmfp://host[:port][/][#fingerprint]`. RFC 7425 §6.1. */
export interface IntroducerUrl {
  /** The URL without its fingerprint, which is what the introducer is asked for. */
  readonly uri: string
  /** Host name, or numeric address without brackets. */
  readonly host: string
  readonly port: number
  /** The only identity that is accepted, 32 bytes; any when the URL names none. */
  readonly fingerprint: Uint8Array | undefined
}

const PATTERN = /^rtmfp:\/\/(\[[0-9a-fA-F:.]+\]|[^/:#?@\s]+)(?::(\d{1,5}))?\/?(?:#([0-9a-fA-F]+))?$/
const MAX_PORT = 65_535

/** Reads an introducer's URL. @throws AltostratusError `BAD_URL`, which says what is wrong. */
export function parseIntroducerUrl(text: string): IntroducerUrl {
  const match = PATTERN.exec(text)
  const port = Number(match?.[2] ?? DEFAULT_PORT)
  const fragment = match?.[3]
  if (match === null || port < 1 || port > MAX_PORT || (fragment !== undefined && fragment.length !== 2 * FINGERPRINT_LENGTH)) {
    throw new AltostratusError('BAD_URL', `${JSON.stringify(text)} is not the URL of an introducer.`, {
      hint: 'It looks like rtmfp://play.example.com or rtmfp://192.0.2.1:1935, with #fingerprint behind it to accept one identity only.',
    })
  }
  const bracketed = match[1] as string
  return {
    uri: `rtmfp://${bracketed}:${port}`,
    host: bracketed.replace(/^\[|\]$/g, ''),
    port,
    fingerprint: fragment === undefined ? undefined : fromHex(fragment),
  }
}

/** The URL of an introducer. @param host Host name or numeric address. */
export function introducerUrl(host: string, port: number, fingerprint?: string): string {
  return `rtmfp://${host.includes(':') ? `[${host}]` : host}:${port}${fingerprint === undefined ? '' : `/#${fingerprint}`}`
}
