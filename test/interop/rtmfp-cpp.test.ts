/**
 * With an implementation that is not ours: the sample programs of the RFC author's C++ library (zenomt/rtmfp-cpp). They are looked for in the
 * folder that ALTOSTRATUS_INTEROP_CPP names: `echoserver`, `fcclient`, `static-redirector` and `redirector`, as its makefile builds them.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { Address, ancillaryEpd, fingerprintEpd, hostnameEpd } from 'altostratus/rtmfp'
import type { Session } from 'altostratus/rtmfp'
import { seededRandom, randomBytes } from '../../src/base/random.ts'
import { fromHex, utf8 } from '../../src/base/bytes.ts'
import { run, until } from '../command.ts'
import type { Running } from '../command.ts'
import { End } from './end.ts'
import type { EndOptions } from './end.ts'

const folder = process.env['ALTOSTRATUS_INTEROP_CPP'] ?? ''
const isThere = existsSync(join(folder, 'echoserver'))
if (!isThere) console.info('Skipped: set ALTOSTRATUS_INTEROP_CPP to the folder with the built sample programs of zenomt/rtmfp-cpp.')
const whenThere = isThere ? describe : describe.skip

const MODP2 = 2
const MODP14 = 14
const ANY_SERVER = ancillaryEpd('rtmfp:')
/** Flash-era: RFC 7425 and nothing else. */
const plain = (groups: readonly number[]): EndOptions => ({ identity: { groups, suites: [], signing: false } })

const running: Running[] = []
const ends: End[] = []

afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end.driver.close()))
  for (const program of running.splice(0)) {
    program.child.kill('SIGKILL')
    await program.done
  }
})

/** Starts a program of theirs. Through `stdbuf`, as what it prints into a pipe would come too late otherwise. */
function start(program: string, ...args: string[]): Running {
  const started = run('stdbuf', ['-oL', join(folder, program), ...args])
  running.push(started)
  return started
}

async function said(program: Running, pattern: RegExp): Promise<string> {
  await until(() => pattern.test(program.output()) || program.child.exitCode !== null)
  const found = pattern.exec(program.output())
  if (found === null) throw new Error(`it ended without saying ${String(pattern)}: ${program.output()}`)
  return found[1] ?? ''
}

async function open(options: EndOptions): Promise<End> {
  const end = await End.open(options)
  ends.push(end)
  return end
}

async function listening(program: Running): Promise<Address> {
  return Address.parse(`127.0.0.1:${await said(program, /bound to 127\.0\.0\.1:(\d+)/)}`)
}

/** Sizes from one byte to our limit, about what a fragment takes among them. */
const SIZES = [1, 2, 127, 128, 1_180, 1_200, 1_201, 4_096, 65_535, 100_000, 1_048_576]

function messages(seed: number): Uint8Array[] {
  const random = seededRandom(seed)
  return SIZES.map((size) => randomBytes(random, size))
}

/** All of it there and back, on a flow and the one that answers it. */
async function echo(end: End, session: Session, name: string): Promise<void> {
  const flow = session.openFlow({ metadata: utf8(name) })
  const sent = messages(name.length)
  const before = end.messages.length
  for (const message of sent) await end.write(flow, message)
  await end.until(() => end.messages.length === before + sent.length)
  const received = end.messages.slice(before)
  expect(received.map(({ data }, i) => Buffer.compare(data, sent[i] as Uint8Array))).toEqual(sent.map(() => 0))
  const answer = (received[0] as (typeof received)[0]).flow
  expect(Buffer.from(answer.metadata).toString()).toBe(`${name} return`)
  expect(answer.association).toBe(flow)
  flow.close()
  end.driver.kick()
  await end.until(() => end.events.some((event) => event.type === 'flow-complete' && event.flow === answer))
}

whenThere('we open a session to the echo server', () => {
  const verifications: [string, string[]][] = [
    ['HMAC and sequence numbers', []],
    ['no HMAC asked for', ['-H']],
    ['no sequence numbers asked for', ['-S']],
    ['neither asked for', ['-H', '-S']],
  ]
  const groups: [string, number][] = [
    ['MODP 2', MODP2],
    ['MODP 14', MODP14],
  ]
  const cases = groups.flatMap(([group, number]) => verifications.map(([how, flags]) => [group, how, number, flags] as const))

  test.each(cases)('%s, %s: flows both ways, closed from here', async (_group, _how, group, flags) => {
    const server = start('echoserver', '-B', '127.0.0.1:0', ...flags)
    const address = await listening(server)
    const end = await open(plain([group]))
    const session = await end.connect({ epd: ANY_SERVER, candidates: [address] })
    await echo(end, session, 'echo')
    expect(await said(server, /my fingerprint: ([0-9a-f]{64})/)).toBe(session.farPeerId)
    await end.close(session)
  })

  test.each([
    ['wanted neither by us', false],
    ['wanted by us, not asked for by them', true],
  ])('HMAC and sequence numbers %s', async (_, wanted) => {
    const negotiation = { sendAlways: false, sendOnRequest: wanted, request: wanted }
    const server = start('echoserver', '-B', '127.0.0.1:0', '-H', '-S')
    const address = await listening(server)
    const end = await open({
      ...plain([MODP2]),
      policy: { hmac: negotiation, sequence: negotiation, requireHmac: wanted, requireSequence: wanted },
    })
    const session = await end.connect({ epd: ANY_SERVER, candidates: [address] })
    await echo(end, session, 'echo')
  })

  test('with a certificate that serves peers of both kinds', async () => {
    const server = start('echoserver', '-B', '127.0.0.1:0')
    const end = await open({ identity: { groups: [31, MODP14, MODP2] } })
    const session = await end.connect({ epd: ANY_SERVER, candidates: [await listening(server)] })
    await echo(end, session, 'both kinds')
  })

  test('with static keys', async () => {
    const server = start('echoserver', '-B', '127.0.0.1:0')
    const end = await open({ identity: { staticGroups: [MODP14, MODP2], suites: [], signing: false } })
    const session = await end.connect({ epd: ANY_SERVER, candidates: [await listening(server)] })
    await echo(end, session, 'static')
  })

  test('by fingerprint, and by the wrong one', async () => {
    const server = start('echoserver', '-B', '127.0.0.1:0')
    const address = await listening(server)
    const fingerprint = await said(server, /my fingerprint: ([0-9a-f]{64})/)
    const end = await open(plain([MODP14]))
    const session = await end.connect({ epd: fingerprintEpd(fromHex(fingerprint)), candidates: [address] })
    expect(session.farPeerId).toBe(fingerprint)
    await echo(end, session, 'by name')
    const other = await open(plain([MODP14]))
    await expect(other.connect({ epd: fingerprintEpd(new Uint8Array(32)), candidates: [address], timeout: 1_500 })).rejects.toThrow()
  })

  test('by host name', async () => {
    const server = start('echoserver', '-B', '127.0.0.1:0', '-n', 'a.example', '-N')
    const address = await listening(server)
    const end = await open(plain([MODP14]))
    const session = await end.connect({ epd: hostnameEpd('a.example'), candidates: [address] })
    await echo(end, session, 'by host')
  })

  test('the nonces are the same on both sides', async () => {
    const server = start('echoserver', '-B', '127.0.0.1:0')
    const end = await open(plain([MODP2]))
    const session = await end.connect({ epd: ANY_SERVER, candidates: [await listening(server)] })
    await echo(end, session, 'nonces')
    expect(await said(server, /near nonce: ([0-9a-f]+)/)).toBe(Buffer.from(session.farNonce).toString('hex'))
    expect(await said(server, /far nonce: ([0-9a-f]+)/)).toBe(Buffer.from(session.nearNonce).toString('hex'))
  })

  test('many flows at once, and one that we reject', async () => {
    const server = start('echoserver', '-B', '127.0.0.1:0')
    const end = await open(plain([MODP2]))
    const session = await end.connect({ epd: ANY_SERVER, candidates: [await listening(server)] })
    const names = Array.from({ length: 12 }, (_, i) => `flow ${'x'.repeat(i)}`)
    const flows = names.map((name, priority) => session.openFlow({ metadata: utf8(name), priority: priority % 8 }))
    for (const flow of flows) await end.write(flow, new Uint8Array(20_000).fill(flow.id))
    await end.until(() => end.messages.length === flows.length)
    for (const { flow, data } of end.messages) {
      expect(data).toEqual(new Uint8Array(20_000).fill(flow.association?.id ?? 0))
    }
    const refused = end.messages[3]?.flow
    refused?.reject(7)
    end.driver.kick()
    await said(server, /(exception)/)
    await end.close(session)
  })

  test('closed from there', async () => {
    const server = start('echoserver', '-B', '127.0.0.1:0')
    const end = await open(plain([MODP14]))
    const session = await end.connect({ epd: ANY_SERVER, candidates: [await listening(server)] })
    await echo(end, session, 'then closed')
    server.child.kill('SIGINT')
    await end.until(() => session.state !== 'open')
    expect(end.events.at(-1)).toMatchObject({ type: 'session-closed', reason: 'far' })
    await said(server, /(interrupted)/)
  })

  test('our address changes: theirs follows, nothing is lost', async () => {
    const server = start('echoserver', '-B', '127.0.0.1:0', '-v')
    const end = await open(plain([MODP14]))
    const session = await end.connect({ epd: ANY_SERVER, candidates: [await listening(server)] })
    const flow = session.openFlow({ metadata: utf8('moving') })
    const count = 200
    for (let i = 0; i < count; i++) {
      await end.write(flow, Uint8Array.of(i))
      if (i === count / 2) await end.move()
    }
    await end.until(() => end.messages.length === count)
    expect(end.messages.map(({ data }) => data[0])).toEqual(Array.from({ length: count }, (_, i) => i))
    await said(server, /(far address changed)/)
  })
})

whenThere('redirected', () => {
  test('by their static redirector', async () => {
    const server = start('echoserver', '-B', '127.0.0.1:0')
    const address = await listening(server)
    const redirector = start('static-redirector', '-B', '127.0.0.1:0', address.toString())
    const end = await open(plain([MODP14]))
    const session = await end.connect({ epd: ANY_SERVER, candidates: [await listening(redirector)] })
    expect(session.farAddress?.equals(address)).toBe(true)
    await echo(end, session, 'redirected')
  })

  test('by ours, for their client', async () => {
    const server = await open({ identity: { groups: [MODP14], suites: [], signing: false, acceptsAncillary: true } })
    const redirector = await open({ ...plain([MODP14]), introduce: () => ({ addresses: [{ address: server.address, origin: 3 }] }) })
    start('fcclient', '-4', '127.0.0.1', String(redirector.address.port))
    await server.until(() => server.messages.length === CLIENT_MESSAGES)
  })

  test('by their redirector, which also forwards the hello to the server that is registered there', async () => {
    const redirector = start('redirector', '-B', '127.0.0.1:0', '-n', 'r.example', '-l', 'user:word', '-F')
    const at = await listening(redirector)
    const server = start('echoserver', '-B', '127.0.0.1:0', '-n', 'e.example', '-v', '-l', 'user:word', '-L', `r.example@${at.toString()}`)
    const address = await listening(server)
    await said(server, /(Connected to redirector)/)
    const end = await open(plain([MODP14]))
    const session = await end.connect({ epd: ANY_SERVER, candidates: [at] })
    expect(session.farAddress?.equals(address)).toBe(true)
    await echo(end, session, 'introduced')
  })

  test('a pool: the same server behind several addresses, some of them silent', async () => {
    const server = start('echoserver', '-B', '127.0.0.1:0')
    const address = await listening(server)
    const silent = await open(plain([MODP14]))
    const end = await open(plain([MODP14]))
    const session = await end.connect({ epd: ANY_SERVER, candidates: [silent.address, address] })
    expect(session.farAddress?.equals(address)).toBe(true)
  })
})

/** Their hellos are of 48 bytes, and a certificate with a key in it is many times as long. */
const SHORT_HELLOS = 16
/** What their client sends: two flows of 60 messages of 4,096 zero bytes. */
const CLIENT_MESSAGES = 120

whenThere('their client opens a session to us', () => {
  const flags: [string, number, string[]][] = [
    ['MODP 14', MODP14, []],
    ['MODP 2', MODP2, []],
    ['MODP 14, no HMAC asked for', MODP14, ['-H']],
    ['MODP 2, no sequence numbers asked for', MODP2, ['-S']],
    ['MODP 2, neither asked for', MODP2, ['-H', '-S']],
  ]
  test.each(flags)('%s: its flows arrive whole, closed from here', async (_, group, args) => {
    const end = await open({ identity: { groups: [group], suites: [], signing: false, acceptsAncillary: true } })
    const client = start('fcclient', '-4', ...args, '127.0.0.1', String(end.address.port))
    await end.until(() => end.events.filter((event) => event.type === 'flow-complete').length === 2)
    expect(end.messages).toHaveLength(CLIENT_MESSAGES)
    expect(end.messages.every(({ data }) => Buffer.compare(data, new Uint8Array(4_096)) === 0)).toBe(true)
    await said(client, /(onFinished \d+:59 \(0\))/)
    const [session] = end.endpoint.sessions
    expect(await said(client, /near nonce: ([0-9a-f]+)/)).toBe(Buffer.from((session as Session).farNonce).toString('hex'))
    await end.close(session as Session)
  })

  test('by our fingerprint, our host name, and with a certificate for peers of both kinds', async () => {
    const end = await open({ identity: { groups: [31, MODP14, MODP2], hostname: 'b.example' }, amplificationLimit: SHORT_HELLOS })
    const at = ['127.0.0.1', String(end.address.port)]
    start('fcclient', '-4', '-X', '-f', end.endpoint.identity.peerId, ...at)
    await end.until(() => end.messages.length === CLIENT_MESSAGES)
    start('fcclient', '-4', '-X', '-n', 'b.example', ...at)
    await end.until(() => end.messages.length === 2 * CLIENT_MESSAGES)
    const stranger = start('fcclient', '-4', '-X', '-n', 'c.example', ...at)
    await end.until(() => end.endpoint.stats.drops.get('hello for someone else') !== undefined)
    expect(stranger.output()).not.toContain('became writable')
  })

  test('with static keys at both ends', async () => {
    const end = await open({
      identity: { staticGroups: [MODP14], suites: [], signing: false, acceptsAncillary: true },
      amplificationLimit: SHORT_HELLOS,
    })
    start('fcclient', '-4', '127.0.0.1', String(end.address.port))
    await end.until(() => end.messages.length === CLIENT_MESSAGES)
  })
})
