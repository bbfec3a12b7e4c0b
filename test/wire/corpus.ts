import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Address } from '../../src/base/address.ts'
import { EMPTY, Writer, fromHex, utf8 } from '../../src/base/bytes.ts'
import { RangeSet } from '../../src/base/ranges.ts'
import { writeAck } from '../../src/wire/ack.ts'
import * as control from '../../src/wire/control.ts'
import { MODE_INITIATOR, MODE_RESPONDER, MODE_STARTUP, writePacketHeader } from '../../src/wire/header.ts'
import { encodeOptions } from '../../src/wire/option.ts'
import * as startup from '../../src/wire/startup.ts'
import * as userData from '../../src/wire/user-data.ts'

const CERTIFICATE = fromHex('05006563686f' + '010a' + '02150e' + '00' + '040eaabbcc')
const ADDRESSES = ['192.0.2.1:1935', '[2001:db8::1]:1935'].map((text, origin) => ({ address: Address.parse(text), origin }))

function packet(mode: number, write: (w: Writer) => void): Uint8Array {
  const w = Writer.ofSize(1500)
  writePacketHeader(w, { mode, timeCritical: true, timeCriticalReverse: false, timestamp: 0x1234, timestampEcho: 0xfedc })
  write(w)
  return w.taken()
}

function received(cumulative: number, ...ranges: readonly (readonly [number, number])[]): RangeSet {
  const set = new RangeSet()
  set.addRange(0, cumulative)
  for (const [from, to] of ranges) set.addRange(from, to)
  return set
}

function startupPackets(): Uint8Array[] {
  const component = encodeOptions([
    { type: 0x1a, value: fromHex('0710') },
    { type: 0x1e, value: fromHex('07') },
    { type: 0x0d, value: fromHex('1faabbccdd') },
  ])
  const [replyAddress] = ADDRESSES as [(typeof ADDRESSES)[number]]
  const cookie = new Uint8Array(64).fill(0xc0)
  const tag = new Uint8Array(16).fill(0x7a)
  const epd = encodeOptions([{ type: 0x0a, value: utf8('rtmfp:') }])
  const parameters = startup.encodeIIKeyingParameters({ initiatorSessionId: 7, cookieEcho: cookie, certificate: CERTIFICATE, component })
  const writers: ((w: Writer) => void)[] = [
    (w) => startup.writeIHello(w, { epd, tag }),
    (w) => startup.writeRHello(w, { tagEcho: tag, cookie, certificate: CERTIFICATE }),
    (w) => startup.writeRedirect(w, { tagEcho: tag, destinations: ADDRESSES }),
    (w) => startup.writeCookieChange(w, { oldCookie: cookie, newCookie: tag }),
    (w) => startup.writeIIKeying(w, parameters, utf8('X')),
    (w) => startup.writeRIKeying(w, startup.encodeRIKeyingPortion(9, component), utf8('X')),
    (w) => startup.writeFIHello(w, { epd, replyAddress, tag }),
    (w) => startup.writePacketFragment(w, { moreFragments: true, packetId: 300, fragmentNumber: 2, fragment: tag }),
  ]
  return writers.map((write) => packet(MODE_STARTUP, write))
}

function sessionPackets(): Uint8Array[] {
  const message = Uint8Array.from({ length: 60 }, (_, i) => i)
  const options = userData.encodeStartupOptions(utf8('metadata'), 3)
  const first = userData.fragmentFlags(userData.FRA_BEGIN) | userData.FLAG_OPTIONS
  const abandoned = userData.FLAG_ABANDON | userData.FLAG_FINAL
  return [
    packet(MODE_INITIATOR, (w) => {
      userData.writeUserData(w, first, 2, 500, 498, options, message, 0, 20)
      userData.writeNextUserData(w, userData.fragmentFlags(userData.FRA_MIDDLE), message, 20, 40)
      userData.writeNextUserData(w, userData.fragmentFlags(userData.FRA_END), message, 40, 60)
      userData.writeUserData(w, abandoned, 300, 70_000, 70_000, EMPTY, EMPTY, 0, 0)
    }),
    packet(MODE_RESPONDER, (w) => {
      writeAck(w, 5, 127, received(16, [18, 18], [21, 24], [27, 28]), false)
      writeAck(w, 700, 64, received(100_000, [100_500, 100_600], [200_000, 300_000]), false)
      control.writeFlowException(w, 5, 300)
      control.writeBufferProbe(w, 128)
    }),
    packet(MODE_INITIATOR, (w) => {
      control.writePing(w, utf8('ping'))
      control.writePingReply(w, utf8('pong'))
      control.writePadding(w, 0, 5)
      control.writeClose(w)
      control.writeCloseAck(w)
      for (let i = 0; i < 7; i++) w.uint8(0xff)
    }),
  ]
}

/** Packets of the independent implementation, one of each kind. */
function recordedPackets(): Uint8Array[] {
  const folder = join(import.meta.dirname, '../vectors')
  const packets: Uint8Array[] = []
  for (const file of readdirSync(folder).filter((name) => /^(handshake|redirect)\.json$/.test(name))) {
    const { packets: found } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { packets: { plainPacket: string }[] }
    packets.push(...found.map(({ plainPacket }) => fromHex(plainPacket)))
  }
  return packets
}

/** Valid plain packets that between them hold every chunk of RFC 7016 §2.3. */
export function corpus(): readonly Uint8Array[] {
  return [...startupPackets(), ...sessionPackets(), ...recordedPackets()]
}
