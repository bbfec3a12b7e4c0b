import { describe, expect, test } from '@jest/globals'
import { filteringOf, mappingOf } from '../../../src/cli/doctor/findings.ts'
import type { Behaviour, Findings, Nat, Quality } from '../../../src/cli/doctor/findings.ts'
import { reportText } from '../../../src/cli/doctor/report.ts'
import { kindOf, verdictOf } from '../../../src/cli/doctor/verdict.ts'

const quality: Quality = { rtt: { least: 20, mean: 25, most: 40 }, jitter: 2, loss: 0, probes: 50, mtu: 1_500, clockOffset: 3 }

function natOf(mapping: Behaviour, filtering: Behaviour, translated = true): Nat {
  return { observed: '203.0.113.9:4000', translated, mapping, filtering, hairpin: false }
}

function findingsOf(more: Partial<Findings>): Findings {
  return {
    url: 'rtmfp://play.example.com:1935',
    addresses: ['203.0.113.1'],
    udp: { reachable: true, milliseconds: 50 },
    ipv6: undefined,
    hasIpv6: false,
    webSocket: { reachable: true, milliseconds: 80 },
    relay: { reachable: true, milliseconds: 90 },
    nat: natOf('endpoint-independent', 'address-and-port-dependent'),
    quality,
    notes: [],
    ...more,
  }
}

describe('RFC 5780 §4.3: mapping', () => {
  const first = '203.0.113.9:4000'
  const other = '203.0.113.9:4001'
  test.each([
    [{ first, otherPort: first }, 'endpoint-independent'],
    [{ first, otherPort: first, otherAddress: first }, 'endpoint-independent'],
    [{ first, otherPort: first, otherAddress: other }, 'address-dependent'],
    [{ first, otherPort: other, otherAddress: '203.0.113.9:4002' }, 'address-and-port-dependent'],
    [{ first, otherPort: undefined }, 'unknown'],
  ])('%j is %s', (tests, expected) => expect(mappingOf(tests)).toBe(expected))
})

describe('RFC 5780 §4.4: filtering', () => {
  test.each([
    [{ port: true, address: true }, 'endpoint-independent'],
    [{ port: true, address: false }, 'address-dependent'],
    [{ port: false, address: false }, 'address-and-port-dependent'],
    [{ port: true, address: undefined }, 'endpoint-independent or address-dependent'],
    [{ port: false, address: undefined }, 'address-and-port-dependent'],
  ])('%j is %s', (tests, expected) => expect(filteringOf(tests)).toBe(expected))
})

describe('the kind of NAT', () => {
  test.each([
    [natOf('endpoint-independent', 'endpoint-independent', false), 'open'],
    [natOf('endpoint-independent', 'address-and-port-dependent', false), 'firewall'],
    [natOf('endpoint-independent', 'endpoint-independent'), 'full cone'],
    [natOf('endpoint-independent', 'address-dependent'), 'address-restricted cone'],
    [natOf('endpoint-independent', 'endpoint-independent or address-dependent'), 'full or address-restricted cone'],
    [natOf('endpoint-independent', 'address-and-port-dependent'), 'port-restricted cone'],
    [natOf('address-dependent', 'address-and-port-dependent'), 'symmetric'],
    [natOf('address-and-port-dependent', 'endpoint-independent'), 'symmetric'],
    [natOf('unknown', 'address-and-port-dependent'), 'unknown'],
    [undefined, 'unknown'],
  ])('%j is called %s', (nat, kind) => expect(kindOf(findingsOf({ nat }))).toBe(kind))

  test('without UDP it is blocked, and without a WebSocket it can not be told', () => {
    expect(kindOf(findingsOf({ udp: { reachable: false }, nat: undefined }))).toBe('UDP blocked')
    const webSocket = { reachable: false }
    expect(kindOf(findingsOf({ udp: { reachable: false }, webSocket, nat: undefined }))).toBe('unreachable')
  })
})

describe('what follows', () => {
  const text = (more: Partial<Findings>): string => verdictOf(findingsOf(more)).advice.join('\n')

  test.each([
    ['a home router', {}, /usual home router/],
    ['a symmetric NAT', { nat: natOf('address-and-port-dependent', 'address-and-port-dependent') }, /UPnP/],
    ['blocked UDP with a WebSocket', { udp: { reachable: false }, nat: undefined }, /over a WebSocket. Expect more delay/],
    ['no WebSocket', { webSocket: { reachable: false } }, /players whose network blocks UDP, and browsers, can not join/],
    ['no relay path', { relay: { reachable: false, problem: 'no answer' } }, /relay path does not work/],
    ['loss', { quality: { ...quality, loss: 0.1 } }, /10 % of the packets/],
    ['jitter', { quality: { ...quality, jitter: 80 } }, /varies by 80 ms/],
    ['a small packet size', { quality: { ...quality, mtu: 1_200 } }, /above 1200 bytes/],
    ['a wrong clock', { quality: { ...quality, clockOffset: -90_000 } }, /off by 90 s/],
    ['a far introducer', { quality: { ...quality, rtt: { least: 200, mean: 210, most: 300 } } }, /210 ms away/],
  ] satisfies [string, Partial<Findings>, RegExp][])('%s', (_name, more, expected) => expect(text(more)).toMatch(expected))

  test('nothing to complain of is not complained of', () => {
    const { advice, canPlay } = verdictOf(findingsOf({ nat: natOf('endpoint-independent', 'endpoint-independent', false) }))
    expect([advice, canPlay]).toEqual([
      ['Anybody can reach this machine: you play directly with everyone whose network lets UDP out.'],
      true,
    ])
  })

  test('with neither UDP nor a WebSocket one can not play', () => {
    const { canPlay, advice } = verdictOf(
      findingsOf({ udp: { reachable: false }, webSocket: { reachable: false }, nat: undefined, quality: undefined }),
    )
    expect(canPlay).toBe(false)
    expect(advice.join('\n')).toMatch(/can not play from here[^]*Check that the introducer runs/)
  })

  test('the report names each finding', () => {
    const findings = findingsOf({})
    expect(reportText(findings, verdictOf(findings)).replace(/ +/g, ' ')).toBe(`introducer rtmfp://play.example.com:1935 (203.0.113.1)
UDP yes, in 50 ms
IPv6 the introducer has no IPv6 address; this machine has none
WebSocket yes, in 80 ms
relay path yes, in 90 ms
NAT port-restricted cone
 mapping endpoint-independent (RFC 5780)
 filtering address-and-port-dependent (RFC 5780)
 seen as 203.0.113.9:4000
 hairpin no
round trip 25 ms (20 to 40)
jitter 2.0 ms
loss 0 % of 50
packet size up to 1500 bytes
clock 3 ms from the introducer’s

The usual home router: you play directly with everyone except players behind a symmetric NAT, with them by the relay path.
`)
  })
})
