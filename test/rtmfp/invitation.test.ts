import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { fromHex } from '../../src/base/bytes.ts'
import { fingerprintEpd } from '../../src/crypto/epd.ts'
import { World } from './world.ts'
import type { Node } from './world.ts'

const VICTIM = Address.parse('10.9.9.9:999')

function invited(world: World, host: Node, guest: Node, candidates: readonly Address[] = [guest.address]) {
  const { certificate, peerId } = guest.endpoint.identity
  const invitation = { cookie: guest.endpoint.invite(world.now), certificate: certificate.bytes }
  return host.endpoint.open({ epd: fingerprintEpd(fromHex(peerId)), candidates, invitation, timeout: 5_000 }, world.now)
}

describe('invitations', () => {
  test('open a session in one round trip, at whichever address leads there', () => {
    const world = new World(1)
    const [host, guest] = [world.add(), world.add()]
    const session = invited(world, host, guest, [VICTIM, guest.address])
    world.run(2 * world.conditions.latency + 1)
    expect(session.state).toBe('open')
    expect(session.farAddress?.key).toBe(guest.address.key)
    expect(session.farPeerId).toBe(guest.endpoint.identity.peerId)
  })

  test('are no use to those who show another certificate with them, nor after their time', () => {
    const world = new World(2)
    const [host, guest, other] = [world.add(), world.add(), world.add()]
    const { certificate } = other.endpoint.identity
    const cookie = guest.endpoint.invite(world.now)
    const epd = fingerprintEpd(fromHex(guest.endpoint.identity.peerId))
    const wrong = host.endpoint.open(
      { epd, candidates: [other.address], invitation: { cookie, certificate: certificate.bytes } },
      world.now,
    )
    expect(wrong.state).toBe('open-failed')
    const invitation = { cookie, certificate: guest.endpoint.identity.certificate.bytes }
    world.run(96_000)
    const late = host.endpoint.open({ epd, candidates: [guest.address], invitation, timeout: 2_000 }, world.now)
    world.run(3_000)
    expect(late.state).toBe('open-failed')
    expect(guest.endpoint.stats.drops.get('cookie expired')).toBeGreaterThan(0)
  })

  test('whoever uses one in the name of another address has at most three times as much sent there', () => {
    const world = new World(3)
    const [host, guest] = [world.add(), world.add()]
    let received = 0
    let sent = 0
    world.filter = (datagram, from, to) => {
      // The host's keying seems to come from the victim, who answers nothing.
      if (from.equals(host.address) && to.equals(guest.address)) {
        received += datagram.length
        world.inject(datagram, VICTIM, guest.address, 1)
        return false
      }
      if (to.equals(VICTIM)) sent += datagram.length
      return !to.equals(VICTIM)
    }
    guest.onEvent = (event) => {
      if (event.type !== 'session-open') return
      const flow = event.session.openFlow({ metadata: Uint8Array.of(1) })
      for (let i = 0; i < 50; i++) flow.write(new Uint8Array(1_000), world.now)
    }
    invited(world, host, guest)
    world.run(30_000)
    expect(sent).toBeGreaterThan(0)
    expect(sent).toBeLessThanOrEqual(3 * received)
    expect([...guest.endpoint.sessions]).toHaveLength(0)
  })

  test('two that invite each other at once have one session in the end', () => {
    for (const seed of [4, 5, 6, 7]) {
      const world = new World(seed)
      const [a, b] = [world.add(), world.add()]
      invited(world, a, b)
      invited(world, b, a)
      world.run(20_000)
      const open = [a, b].map(({ endpoint }) => [...endpoint.sessions].filter(({ state }) => state === 'open'))
      expect(open.map(({ length }) => length)).toEqual([1, 1])
    }
  })
})
