import {
  DEFAULT_POLICY,
  Driver,
  Endpoint,
  createIdentity,
  defaultBackend,
  openDatagramLink,
  systemClock,
  systemRandom,
} from 'altostratus/rtmfp'

/** An RTMFP endpoint on loopback that offers one cipher suite. */
export async function openEndpoint(suite, onEvent) {
  const parts = { backend: defaultBackend, random: systemRandom }
  const link = await openDatagramLink({ host: '127.0.0.1' })
  const endpoint = new Endpoint({
    ...parts,
    identity: createIdentity({ ...parts, suites: [suite] }),
    policy: { ...DEFAULT_POLICY, suites: [suite] },
  })
  const driver = new Driver({ endpoint, link, clock: systemClock, onEvent })
  return { link, endpoint, driver }
}

/** Cipher suites by the names that results use. */
export const SUITES = { 'aes-gcm': 2, 'aes-cbc-hmac': 1, chacha20: 3 }
