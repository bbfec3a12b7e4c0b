import { equalBytes, utf8 } from '../base/bytes.ts'
import { encodeOptions, parseOptions } from '../wire/option.ts'
import { EPD_ANCILLARY, EPD_FINGERPRINT, EPD_HOSTNAME } from '../wire/rfc7425.ts'
import type { Certificate } from './certificate.ts'
import { FINGERPRINT_LENGTH } from './constants.ts'

/** Names the endpoint with this fingerprint; it is also the Canonical Endpoint Discriminator. RFC 7425 §4.4.2.3, §4.4.4. */
export function fingerprintEpd(fingerprint: Uint8Array): Uint8Array {
  return encodeOptions([{ type: EPD_FINGERPRINT, value: fingerprint }])
}

/** The one discriminator of 34 bytes that stands for the certificate. RFC 7425 §4.4.4. */
export function canonicalEpd(certificate: Pick<Certificate, 'fingerprint'>): Uint8Array {
  return fingerprintEpd(certificate.fingerprint)
}

/** Names any endpoint with this host name in its certificate. RFC 7425 §4.4.2.1. */
export function hostnameEpd(hostname: string): Uint8Array {
  return encodeOptions([{ type: EPD_HOSTNAME, value: utf8(hostname) }])
}

/** Names any endpoint that serves URIs, by the one that is wanted. RFC 7425 §4.4.2.2. */
export function ancillaryEpd(uri: string): Uint8Array {
  return encodeOptions([{ type: EPD_ANCILLARY, value: utf8(uri) }])
}

/** The fingerprint that the discriminator asks for, if it asks for one. */
export function epdFingerprint(epd: Uint8Array): Uint8Array | undefined {
  const found = parseOptions(epd).find((option) => option.type === EPD_FINGERPRINT)
  return found?.value.length === FINGERPRINT_LENGTH ? found.value : undefined
}

/** Whether the discriminator selects the certificate. RFC 7425 §4.4.3. @throws DecodeError when it is malformed. */
export function selects(epd: Uint8Array, certificate: Pick<Certificate, 'fingerprint' | 'hostname' | 'acceptsAncillary'>): boolean {
  const options = parseOptions(epd)
  const valueOf = (type: number): Uint8Array | undefined => options.find((option) => option.type === type)?.value
  const fingerprint = valueOf(EPD_FINGERPRINT)
  if (fingerprint !== undefined) return equalBytes(fingerprint, certificate.fingerprint)
  const hostname = valueOf(EPD_HOSTNAME)
  if (hostname !== undefined && (certificate.hostname === undefined || !equalBytes(hostname, certificate.hostname))) return false
  if (valueOf(EPD_ANCILLARY) !== undefined) return certificate.acceptsAncillary
  return hostname !== undefined
}
