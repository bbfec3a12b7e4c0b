import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { seededRandom } from '../../src/base/random.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import type { Random } from '../../src/base/random.ts'
import { CODE_ALPHABET, CODE_LENGTH, GRACE, MAX_LISTED, MAX_ROOMS, MAX_ROOMS_PER_PEER } from '../../src/introducer/constants.ts'
import { Directory } from '../../src/introducer/directory.ts'
import type { MemberInfo, RoomSettings, Standing, Ticket } from '../../src/introducer/protocol.ts'

const settings = (changes: Partial<RoomSettings> = {}): RoomSettings => ({
  game: 'g',
  protocol: 1,
  capacity: 4,
  listed: false,
  properties: {},
  ...changes,
})
const host = { sha256: (data: Uint8Array) => nodeBackend.sha256(data), refusal: () => undefined }
const make = (): Directory => new Directory(seededRandom(1), host)
const join = (directory: Directory, who: string, { code }: Ticket): Ticket => directory.join(who, code, 'g', 1, {})
const member = (peerId: string, order: number): MemberInfo => ({ peerId, order, profile: {} })
const standing = (host: string, epoch = 9): Standing => ({ host, epoch })
const refused = (code: string): unknown => expect.objectContaining({ code })

describe('rooms', () => {
  test('codes are five letters and digits, none of which looks like another, and all different', () => {
    const directory = make()
    const codes = new Set<string>()
    for (let i = 0; i < 2_000; i++) codes.add(directory.create(`peer ${i}`, settings(), {}).code)
    expect(codes.size).toBe(2_000)
    for (const code of codes) expect(code).toMatch(new RegExp(`^[${CODE_ALPHABET}]{${CODE_LENGTH}}$`))
    for (const twin of '01OILU') expect(CODE_ALPHABET).not.toContain(twin)
  })

  test('a code that a room has already is drawn again', () => {
    // The same code for both rooms at first, then another; room IDs that differ.
    const letters = Array.from('AAAAA' + 'AAAAA' + 'BAAAA', (letter) => CODE_ALPHABET.indexOf(letter))
    let rooms = 0
    const random: Random = { fill: (target) => target.fill(++rooms), uint32: () => letters.shift()! }
    const directory = new Directory(random, host)
    expect(directory.create('a', settings(), {}).code).toBe('AAAAA')
    expect(directory.create('b', settings(), {}).code).toBe('BAAAA')
  })

  test('codes use each letter and digit about equally often', () => {
    const directory = make()
    const counts = new Map<string, number>()
    for (let i = 0; i < 6_000; i++) {
      for (const letter of directory.create(`peer ${i}`, settings(), {}).code) counts.set(letter, (counts.get(letter) ?? 0) + 1)
    }
    expect(counts.size).toBe(CODE_ALPHABET.length)
    // 1,000 each on average; a standard deviation is 31.
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(160)
  })

  test('an introducer holds so many rooms; then none is made, not even anew, until one ends', () => {
    const directory = make()
    const first = directory.create('peer 0', settings(), {})
    for (let i = 1; i < MAX_ROOMS; i++) directory.create(`peer ${i}`, settings(), {})
    expect(() => directory.create('one more', settings(), {})).toThrow(refused('TOO_MANY_ROOMS'))
    const other = new Directory(seededRandom(2), host).create('one more', settings(), {})
    const anew = ({ roomId, key }: Ticket): Ticket =>
      directory.rejoin(member('one more', 0), roomId, '22222', settings(), standing('one more'), key)
    expect(() => anew(other)).toThrow(refused('TOO_MANY_ROOMS'))
    expect(join(directory, 'guest', first).members).toHaveLength(2)
    directory.leaveAll('peer 1')
    expect(directory.create('one more', settings(), {}).members).toHaveLength(1)
  })

  test('who joins again has the same place, and nobody is told', () => {
    const directory = make()
    const first = directory.create('a', settings(), {})
    join(directory, 'b', first)
    directory.notices.length = 0
    expect(join(directory, 'b', first).self.order).toBe(1)
    expect(directory.notices).toEqual([])
  })

  test('leaving a room that is not there, or that one is not in, changes nothing', () => {
    const directory = make()
    const first = directory.create('a', settings(), {})
    directory.notices.length = 0
    directory.leave('b', first.roomId)
    directory.leave('a', 'f'.repeat(32))
    directory.leaveAll('nobody')
    directory.lost('nobody', 0)
    directory.found('nobody')
    expect([directory.roomCount, directory.notices]).toEqual([1, []])
  })

  test('who comes is told of those who are there, and they of who comes and goes', () => {
    const directory = make()
    const first = directory.create('a', settings({ capacity: 3 }), { name: 'Ada' })
    expect(first.members).toEqual([{ peerId: 'a', order: 0, profile: { name: 'Ada' } }])
    expect(join(directory, 'b', first).members.map(({ peerId, order }) => [peerId, order])).toEqual([
      ['a', 0],
      ['b', 1],
    ])
    join(directory, 'c', first)
    expect(() => join(directory, 'd', first)).toThrow(refused('ROOM_FULL'))
    directory.notices.length = 0
    directory.leave('b', first.roomId)
    expect(directory.notices.map(({ to, left }) => [to, left])).toEqual([
      ['a', 'b'],
      ['c', 'b'],
    ])
    expect(join(directory, 'd', first).self.order).toBe(3)
    for (const who of ['a', 'c', 'd']) directory.leaveAll(who)
    expect(directory.roomCount).toBe(0)
    expect(() => join(directory, 'a', first)).toThrow(refused('ROOM_NOT_FOUND'))
  })

  test('another game, another protocol, too many rooms', () => {
    const directory = make()
    const { code } = directory.create('a', settings(), {})
    expect(() => directory.join('b', code, 'other', 1, {})).toThrow(refused('GAME_MISMATCH'))
    expect(() => directory.join('b', code, 'g', 2, {})).toThrow(refused('PROTOCOL_MISMATCH'))
    for (let i = 1; i < MAX_ROOMS_PER_PEER; i++) directory.create('a', settings(), {})
    expect(() => directory.create('a', settings(), {})).toThrow(refused('TOO_MANY_ROOMS'))
    expect(directory.roomCount).toBe(MAX_ROOMS_PER_PEER)
  })

  test('only listed rooms of the same game and protocol are listed, with what is public of them', () => {
    const directory = make()
    directory.create('a', settings({ listed: false }), {})
    directory.create('b', settings({ listed: true, game: 'other' }), {})
    directory.create('c', settings({ listed: true, protocol: 9 }), {})
    const { code } = directory.create('d', settings({ listed: true, properties: { map: 'dust' } }), { secret: 1 })
    expect(directory.list('g', 1)).toEqual([{ code, members: 1, capacity: 4, properties: { map: 'dust' } }])
    for (let i = 0; i < MAX_LISTED + 10; i++) directory.create(`x ${i}`, settings({ listed: true }), {})
    expect(directory.list('g', 1)).toHaveLength(MAX_LISTED)
  })

  test('properties and evictions are the host’s; who becomes host can evict the one before', () => {
    const directory = make()
    const first = directory.create('a', settings({ listed: true }), {})
    for (const who of ['b', 'c']) join(directory, who, first)
    expect(() => directory.update('b', first.roomId, {})).toThrow(refused('NOT_HOST'))
    expect(() => directory.update('z', first.roomId, {})).toThrow(refused('ROOM_NOT_FOUND'))
    directory.update('a', first.roomId, { open: true })
    expect(directory.list('g', 1)[0]!.properties).toEqual({ open: true })
    expect(() => directory.evict('c', first.roomId, 'a')).toThrow(refused('NOT_HOST'))
    expect(() => directory.evict('b', first.roomId, 'c')).toThrow(refused('NOT_HOST'))
    expect(directory.claim('b', first.roomId, first.epoch, first.epoch + 1)).toEqual({ host: 'b', epoch: first.epoch + 1 })
    directory.evict('b', first.roomId, 'a')
    expect(directory.share('a', 'b')).toBe(false)
    directory.evict('b', first.roomId, 'c')
    expect(directory.list('g', 1)[0]!.members).toBe(1)
  })

  test('addresses are shared among members of a room and with nobody else', () => {
    const directory = make()
    const first = directory.create('a', settings(), {})
    join(directory, 'b', first)
    directory.create('c', settings(), {})
    expect([directory.share('a', 'b'), directory.share('a', 'c'), directory.share('a', 'nobody')]).toEqual([true, false, false])
  })
})

describe('a guarded room', () => {
  const club = (directory: Directory): Ticket => {
    const first = directory.create('a', settings({ password: true }), {})
    join(directory, 'b', first)
    directory.admit('a', first.roomId, 'b')
    directory.notices.length = 0
    return first
  }

  test.each([
    ['a password', (directory: Directory) => directory.create('a', settings({ password: true }), {})],
    [
      'a lock',
      (directory: Directory) => {
        const first = directory.create('a', settings(), {})
        directory.update('a', first.roomId, {}, true)
        return first
      },
    ],
    [
      'a ban',
      (directory: Directory) => {
        const first = directory.create('a', settings(), {})
        directory.update('a', first.roomId, {}, false, true)
        return first
      },
    ],
  ])('by %s: who comes is shown to the host alone, and the host alone to it, until it is let in', (_by, create) => {
    const directory = make()
    const first = create(directory)
    join(directory, 'b', first)
    directory.admit('a', first.roomId, 'b')
    directory.notices.length = 0
    const ticket = join(directory, 'c', first)
    expect(ticket.members.map(({ peerId }) => peerId)).toEqual(['a', 'c'])
    expect(ticket.key).toBeUndefined()
    expect(directory.notices).toEqual([{ to: 'a', roomId: first.roomId, joined: member('c', 2), guest: true }])
    expect([directory.bond('a', 'c'), directory.bond('c', 'a')].map((bond) => bond?.isHidden)).toEqual([true, true])
    expect([directory.bond('b', 'c'), directory.bond('c', 'b')]).toEqual([undefined, undefined])
    join(directory, 'd', first)
    expect(directory.bond('c', 'd')).toBeUndefined()
    directory.notices.length = 0
    expect(() => directory.admit('b', first.roomId, 'c')).toThrow(refused('NOT_HOST'))
    expect(() => directory.admit('c', first.roomId, 'c')).toThrow(refused('NOT_HOST'))
    expect(() => directory.admit('z', first.roomId, 'c')).toThrow(refused('ROOM_NOT_FOUND'))
    expect(() => directory.claim('c', first.roomId, 9_999, 99_999)).toThrow(refused('NOT_HOST'))
    expect([directory.admit('a', first.roomId, 'c'), directory.admit('a', first.roomId, 'c')]).toEqual([true, false])
    expect(directory.admit('a', first.roomId, 'nobody')).toBe(false)
    expect(directory.notices.map(({ to, joined, guest }) => [to, joined?.peerId, guest])).toEqual([
      ['a', 'c', undefined],
      ['b', 'c', undefined],
    ])
    expect([directory.share('a', 'c'), directory.share('c', 'b'), directory.share('d', 'c')]).toEqual([true, true, false])
    expect(join(directory, 'c', first).key).toEqual(first.key)
  })

  test('whoever becomes host hears who waits; who waits gets no host’s place', () => {
    const directory = make()
    const first = club(directory)
    const waiting = join(directory, 'c', first)
    directory.notices.length = 0
    const anyone = (key?: Uint8Array): Ticket =>
      directory.rejoin(member('c', 0), first.roomId, first.code, settings(), standing('c', 99_999), key)
    expect([anyone().host, anyone(first.key).host]).toEqual(['a', 'a'])
    expect(directory.claim('b', first.roomId, first.epoch, first.epoch + 1).host).toBe('b')
    expect(directory.notices.filter(({ guest }) => guest)).toEqual([{ to: 'b', roomId: first.roomId, joined: waiting.self, guest: true }])
    expect([directory.bond('c', 'b')?.isHidden, directory.bond('c', 'a')]).toEqual([true, undefined])
    expect(directory.admit('b', first.roomId, 'c')).toBe(true)
  })

  test('ends when nobody is left who could let in who waits', () => {
    const directory = make()
    const first = club(directory)
    join(directory, 'c', first)
    directory.leave('a', first.roomId)
    directory.leave('b', first.roomId)
    expect([directory.roomCount, directory.bond('c', 'a')]).toEqual([0, undefined])
    directory.leaveAll('c')
  })

  test('who was in it has the place back by its key alone where nobody is to be asked, and asks where somebody is', () => {
    const directory = make()
    const first = club(directory)
    directory.evict('a', first.roomId, 'b')
    const back = (at: Directory, who: string, order: number, key = first.key): Ticket =>
      at.rejoin(member(who, order), first.roomId, first.code, settings({ password: true }), standing('a', first.epoch), key)
    // Sent away, it has the key still.
    expect(back(directory, 'b', 1).key).toBeUndefined()
    const anew = make()
    const wrong = Uint8Array.from(first.key!, (byte, i) => (i === 3 ? byte ^ 1 : byte))
    for (const key of [undefined, wrong, new Uint8Array(16)]) {
      expect(() => anew.rejoin(member('z', 0), first.roomId, first.code, settings(), standing('z', 1), key)).toThrow(
        refused('ROOM_NOT_FOUND'),
      )
    }
    expect(back(anew, 'b', 1).key).toEqual(first.key)
    expect(back(anew, 'z', 0, wrong).key).toBeUndefined()
    expect([anew.bond('z', 'b'), anew.share('a', 'b')]).toEqual([undefined, false])
    expect(back(anew, 'a', 0).members.map(({ peerId }) => peerId)).toEqual(['a', 'b'])
    expect([anew.share('a', 'b'), anew.bond('z', 'a')?.isHidden]).toEqual([true, true])
    // Its host is away, and nobody else was let in: who has the key takes the room up.
    anew.leave('b', first.roomId)
    anew.lost('a', 0)
    expect(back(anew, 'b', 1).key).toEqual(first.key)
  })

  test('that was made anew is guarded until its host has said whether it is', () => {
    const directory = make()
    const first = make().create('a', settings({ capacity: 8 }), {})
    directory.rejoin(member('b', 1), first.roomId, first.code, settings({ capacity: 8 }), standing('a', first.epoch), first.key)
    expect(join(directory, 'y', first).key).toBeUndefined()
    directory.rejoin(member('a', 0), first.roomId, first.code, settings({ capacity: 8 }), standing('a', first.epoch), first.key)
    expect(join(directory, 'z', first).key).toBeUndefined()
    directory.update('a', first.roomId, {})
    expect(join(directory, 'x', first).key).toEqual(first.key)
  })

  test('who could not ask without being shown is told so, and passed over when it looks for any', () => {
    const random = seededRandom(1)
    const directory = new Directory(random, { ...host, refusal: () => 'nobody has' })
    const first = directory.create('a', settings({ listed: true }), {})
    directory.update('a', first.roomId, {}, false, true)
    expect(() => join(directory, 'b', first)).toThrow(refused('RELAY_REFUSED'))
    expect(() => directory.match('b', 'g', 1, {}, {})).toThrow(refused('ROOM_NOT_FOUND'))
    expect(directory.bond('a', 'b')).toBeUndefined()
  })
})

describe('who is lost, and comes back', () => {
  test('keeps the place for the grace time, in which nobody else gets it', () => {
    const directory = make()
    const first = directory.create('a', settings({ capacity: 2 }), {})
    join(directory, 'b', first)
    directory.lost('b', 1_000)
    directory.expire(1_000 + GRACE - 1)
    expect(() => join(directory, 'c', first)).toThrow(refused('ROOM_FULL'))
    directory.found('b')
    directory.expire(1_000 + GRACE)
    expect(directory.share('a', 'b')).toBe(true)
    directory.lost('b', 5_000)
    directory.expire(5_000 + GRACE)
    expect(join(directory, 'c', first).self.order).toBe(2)
  })

  test('a room that the introducer has forgotten is made anew by its members, each in the old place', () => {
    const directory = make()
    const first = directory.create('a', settings({ capacity: 3 }), {})
    const anew = make()
    const back = (who: string, order: number): Ticket =>
      anew.rejoin(member(who, order), first.roomId, first.code, settings({ capacity: 3 }), standing('a'), first.key)
    back('c', 2)
    back('a', 0)
    expect(back('b', 1).members.map(({ peerId }) => peerId)).toEqual(['a', 'b', 'c'])
    expect(() => back('d', 7)).toThrow(refused('ROOM_FULL'))
    expect(back('a', 0).members).toHaveLength(3)
    anew.leave('b', first.roomId)
    expect(join(anew, 'e', first).self.order).toBe(3)
  })

  test('nobody takes the place of a host, or a room’s, by naming it', () => {
    const directory = make()
    const first = directory.create('a', settings(), {})
    join(directory, 'b', first)
    const thief = (code: string, order: number): Ticket =>
      directory.rejoin(member('z', order), first.roomId, code, settings(), standing('z', 1))
    expect(() => thief('WRONG', 0)).toThrow(refused('ROOM_NOT_FOUND'))
    directory.leave('a', first.roomId)
    expect(thief(first.code, 0).self.order).toBe(2)
    const other = directory.create('c', settings(), {})
    expect(() => directory.rejoin(member('z', 0), 'f'.repeat(32), other.code, settings(), standing('z'))).toThrow(refused('ROOM_NOT_FOUND'))
  })

  test('whatever happens, no room has too many members, none is empty, and in the end none is left', () => {
    const who = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const step = fc.record({
      who,
      what: fc.constantFrom('create', 'join', 'leave', 'lost', 'found', 'expire', 'rejoin', 'guard', 'admit'),
      pick: fc.nat(5),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const directory = make()
        const tickets: Ticket[] = []
        let now = 0
        for (const { who: peer, what, pick } of steps) {
          const ticket = tickets[pick]
          try {
            if (what === 'create') tickets.push(directory.create(peer, settings({ capacity: 1 + (pick % 3), listed: true }), {}))
            else if (what === 'lost') directory.lost(peer, now)
            else if (what === 'found') directory.found(peer)
            else if (what === 'expire') directory.expire((now += GRACE / 2))
            else if (ticket === undefined) continue
            else if (what === 'join') join(directory, peer, ticket)
            else if (what === 'leave') directory.leave(peer, ticket.roomId)
            else if (what === 'guard') directory.update(ticket.host, ticket.roomId, {}, false, true)
            else if (what === 'admit') directory.admit(ticket.host, ticket.roomId, peer)
            else
              directory.rejoin(
                member(peer, pick),
                ticket.roomId,
                ticket.code,
                settings({ capacity: 2, listed: true }),
                standing(peer, pick),
                pick > 2 ? ticket.key : undefined,
              )
          } catch (error) {
            expect((error as { code: string }).code).toMatch(/^(ROOM_FULL|ROOM_NOT_FOUND|TOO_MANY_ROOMS|NOT_HOST)$/)
          }
          for (const { members, capacity } of directory.list('g', 1)) {
            expect(members).toBeGreaterThan(0)
            expect(members).toBeLessThanOrEqual(capacity)
          }
        }
        for (const peer of ['a', 'b', 'c', 'd', 'e']) directory.leaveAll(peer)
        expect(directory.roomCount).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})
