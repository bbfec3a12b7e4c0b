import { webcrypto } from 'node:crypto'
import { PemConverter, X509CertificateGenerator } from '@peculiar/x509'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const VALID = 86_400_000

/** A certificate that vouches for itself, for a day, and its key: what a TLS server of a benchmark shows. PEM. */
export async function makeCertificate() {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const now = Date.now()
  const certificate = await X509CertificateGenerator.createSelfSigned(
    { name: 'CN=benchmark', keys, signingAlgorithm: ALGORITHM, notBefore: new Date(now - VALID), notAfter: new Date(now + VALID) },
    webcrypto,
  )
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY')
  return { key, cert: certificate.toString('pem') }
}
