import { compareBytes, equalBytes } from '../base/bytes.ts'

/** Whether the near end stays the initiator when both initiate at once. RFC 7425 §4.3.6. */
export function nearPrevails(near: Uint8Array, far: Uint8Array): boolean {
  return compareBytes(near, far) <= 0
}

/** Whether a session with the new certificate takes the place of one with the other. RFC 7425 §4.3.7. */
export function overrides(certificate: Uint8Array, existing: Uint8Array): boolean {
  return equalBytes(certificate, existing)
}
