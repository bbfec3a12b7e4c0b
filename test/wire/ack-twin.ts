import { concat } from '../../src/base/bytes.ts'

/** A data acknowledgement said plainly: the numbers themselves. */
export interface PlainAck {
  readonly flowId: number
  readonly bufferBlocks: number
  readonly cumulative: number
  /** Every number above `cumulative` that was received. */
  readonly numbers: ReadonlySet<number>
}

/** VLU, RFC 7016 §2.1.2, by the digits. */
function vlu(n: number): Uint8Array {
  const digits: number[] = []
  let rest = BigInt(n)
  do {
    digits.unshift(Number(rest % 128n))
    rest /= 128n
  } while (rest > 0n)
  return Uint8Array.from(digits, (digit, i) => (i < digits.length - 1 ? digit + 128 : digit))
}

function chunk(type: number, ack: PlainAck, tail: Uint8Array): Uint8Array {
  const payload = concat(vlu(ack.flowId), vlu(ack.bufferBlocks), vlu(ack.cumulative), tail)
  return concat(Uint8Array.of(type, payload.length >>> 8, payload.length & 0xff), payload)
}

/** §2.3.13: one bit for every number from the second after the cumulative one to the highest. */
export function plainBitmapAck(ack: PlainAck): Uint8Array {
  const tail: number[] = []
  const highest = Math.max(ack.cumulative, ...ack.numbers)
  for (let first = ack.cumulative + 2; first <= highest; first += 8) {
    let byte = 0
    for (let bit = 0; bit < 8; bit++) if (ack.numbers.has(first + bit)) byte += 2 ** bit
    tail.push(byte)
  }
  return chunk(0x50, ack, Uint8Array.from(tail))
}

/** §2.3.14: runs of missing and received numbers, each counted less one. */
export function plainRangeAck(ack: PlainAck): Uint8Array {
  const tail: Uint8Array[] = []
  let cursor = ack.cumulative
  const highest = Math.max(ack.cumulative, ...ack.numbers)
  while (cursor < highest) {
    let missing = 0
    while (!ack.numbers.has(cursor + 1)) {
      missing++
      cursor++
    }
    let received = 0
    while (ack.numbers.has(cursor + 1)) {
      received++
      cursor++
    }
    tail.push(vlu(missing - 1), vlu(received - 1))
  }
  return chunk(0x51, ack, concat(...tail))
}

function readPlainVlu(bytes: readonly number[]): number | undefined {
  let n = 0n
  while (bytes.length > 0) {
    const byte = (bytes as number[]).shift() as number
    n = n * 128n + BigInt(byte % 128)
    if (byte < 128) return Number(n)
  }
  return undefined
}

/** Either form, as §2.3.13 and §2.3.14 write it down; for well-formed fronts and small numbers only. */
export function readPlainAck(type: number, payload: Uint8Array): PlainAck {
  const rest = [...payload]
  const [flowId, bufferBlocks, cumulative] = [readPlainVlu(rest), readPlainVlu(rest), readPlainVlu(rest)] as [number, number, number]
  const numbers = new Set<number>()
  if (type === 0x50) {
    let ackCursor = cumulative + 1
    for (const byte of rest) {
      for (let bitPosition = 8; bitPosition > 0; bitPosition--) {
        if (Math.floor(byte / 2 ** (bitPosition - 1)) % 2 === 1) numbers.add(ackCursor + bitPosition)
      }
      ackCursor += 8
    }
  } else {
    let ackCursor = cumulative
    while (rest.length > 0) {
      const holesMinusOne = readPlainVlu(rest)
      const receivedMinusOne = readPlainVlu(rest)
      if (holesMinusOne === undefined || receivedMinusOne === undefined) break
      ackCursor++
      const rangeFrom = ackCursor + holesMinusOne + 1
      const rangeTo = rangeFrom + receivedMinusOne
      for (let n = rangeFrom; n <= rangeTo; n++) numbers.add(n)
      ackCursor = rangeTo
    }
  }
  return { flowId, bufferBlocks, cumulative, numbers }
}
