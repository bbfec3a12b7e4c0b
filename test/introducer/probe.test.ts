import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { seededRandom } from '../../src/base/random.ts'
import { MAX_PROBES, MAX_PROBE_BYTES, PROBE_BYTES, PROBES_OF_TOKEN, PROBE_TOKEN_LIFE } from '../../src/introducer/constants.ts'
import { decodeProbeAnswer, encodeProbe, ProbeResponder } from '../../src/introducer/probe.ts'
import { SimulatedClock } from '../../src/link/simulated-clock.ts'
import { SimulatedNetwork } from '../../src/link/simulated.ts'
import type { SimulatedLink } from '../../src/link/simulated.ts'

interface World {
  readonly clock: SimulatedClock
  readonly responder: ProbeResponder
  readonly port: SimulatedLink
  readonly address: SimulatedLink
  readonly peer: SimulatedLink
  readonly stranger: SimulatedLink
  /** What has come to the peer. */
  readonly heard: { readonly from: string; readonly datagram: Uint8Array }[]
}

function world(): World {
  const clock = new SimulatedClock()
  const network = new SimulatedNetwork({ seed: 1, clock })
  const [port, address, peer, stranger] = [1, 2, 3, 4].map(() => network.createLink()) as [
    SimulatedLink,
    SimulatedLink,
    SimulatedLink,
    SimulatedLink,
  ]
  const heard: World['heard'] = []
  peer.start((datagram, from) => heard.push({ from: from.key, datagram }))
  const responder = new ProbeResponder({
    port,
    address,
    random: seededRandom(2),
    now: () => clock.now(),
    wallTime: () => 1_700_000_000_000,
  })
  return { clock, responder, port, address, peer, stranger, heard }
}

const PEER = 'aa'.repeat(32)

describe('I5: probes', () => {
  test('an answer comes from where the probe went, tells its source and the time, and is as long as the probe', () => {
    const { clock, responder, port, address, peer, heard } = world()
    const ticket = responder.grant(PEER, peer.address, undefined)
    expect(ticket).toMatchObject({
      observed: peer.address.key,
      port: port.address.port,
      address: address.address.key,
      time: 1_700_000_000_000,
    })
    peer.send(encodeProbe(ticket.token, 7, PROBE_BYTES), port.address)
    peer.send(encodeProbe(ticket.token, 8, MAX_PROBE_BYTES), address.address)
    clock.run(10)
    expect(heard.map(({ from, datagram }) => [from, datagram.length])).toEqual([
      [port.address.key, PROBE_BYTES],
      [address.address.key, MAX_PROBE_BYTES],
    ])
    expect(heard.map(({ datagram }) => decodeProbeAnswer(datagram))).toEqual([
      { sequence: 7, time: 1_700_000_000_000, observed: peer.address },
      { sequence: 8, time: 1_700_000_000_000, observed: peer.address },
    ])
  })

  test.each(['port', 'address'] as const)('unasked, one datagram comes from the other %s, numbered 0', (source) => {
    const { clock, responder, peer, heard, ...links } = world()
    responder.grant(PEER, peer.address, source)
    clock.run(10)
    expect(heard.map(({ from, datagram }) => [from, datagram.length, decodeProbeAnswer(datagram).sequence])).toEqual([
      [links[source].address.key, PROBE_BYTES, 0],
    ])
  })

  test('nothing is answered to an unknown token, a wrong length, or another IP address than the session’s', () => {
    const { clock, responder, port, peer, stranger, heard } = world()
    const { token } = responder.grant(PEER, peer.address, undefined)
    const atStranger: Uint8Array[] = []
    stranger.start((datagram) => atStranger.push(datagram))
    peer.send(encodeProbe(new Uint8Array(16), 1, PROBE_BYTES), port.address)
    peer.send(encodeProbe(token, 1, PROBE_BYTES - 1), port.address)
    peer.send(encodeProbe(token, 1, MAX_PROBE_BYTES + 1), port.address)
    peer.send(new Uint8Array(0), port.address)
    stranger.send(encodeProbe(token, 1, PROBE_BYTES), port.address)
    clock.run(10)
    expect([heard, atStranger]).toEqual([[], []])
    expect(responder.stats).toEqual({ answered: 0, refused: 5 })
  })

  test('a token is good for so many probes and so long, and a new one is not had by asking', () => {
    const { clock, responder, port, peer, heard } = world()
    const { token } = responder.grant(PEER, peer.address, undefined)
    for (let i = 0; i < PROBES_OF_TOKEN + 50; i++) peer.send(encodeProbe(token, i, PROBE_BYTES), port.address)
    clock.run(10)
    expect(heard).toHaveLength(PROBES_OF_TOKEN)
    expect(responder.grant(PEER, peer.address, 'port').token).toEqual(token)
    clock.run(10)
    expect(heard).toHaveLength(PROBES_OF_TOKEN)
    clock.run(PROBE_TOKEN_LIFE)
    peer.send(encodeProbe(token, 1, PROBE_BYTES), port.address)
    clock.run(10)
    expect(heard).toHaveLength(PROBES_OF_TOKEN)
    expect(responder.grant(PEER, peer.address, undefined).token).not.toEqual(token)
  })

  test('so many may probe at a time; beyond, the oldest makes room', () => {
    const { clock, responder, port, peer, heard } = world()
    const tokens = Array.from({ length: MAX_PROBES + 1 }, (_, i) => responder.grant(String(i), peer.address, undefined).token)
    for (const token of [tokens[0]!, tokens.at(-1)!]) peer.send(encodeProbe(token, 1, PROBE_BYTES), port.address)
    clock.run(10)
    expect(heard.map(({ datagram }) => datagram.subarray(0, 16))).toEqual([tokens.at(-1)])
  })

  test('an answer that is none is a DecodeError', () => {
    expect(() => decodeProbeAnswer(new Uint8Array(20))).toThrow('truncated')
    expect(() => decodeProbeAnswer(new Uint8Array(64))).toThrow('address family')
    const { responder, peer } = world()
    expect(responder.grant(PEER, Address.from('2001:db8::1', 5), undefined).observed).toContain('2001:db8')
    expect(peer.address.port).toBeGreaterThan(0)
  })
})
