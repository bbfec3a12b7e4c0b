const BLOCK = 16
/** Multiples of the key by four bits at a time: 256 bytes, which an attacker who times caches learns little from. */
const ENTRIES = 16
/** x^128 + x^7 + x^2 + x + 1 in GCM's bit order, its highest 32 bits. NIST SP 800-38D §6.3. */
const POLYNOMIAL = 0xe1000000

/** What four bits that are shifted out come back as. */
const REDUCTION: Uint32Array = reductions()

function reductions(): Uint32Array {
  const table = new Uint32Array(ENTRIES)
  for (let i = 0; i < ENTRIES; i++) {
    let word = 0
    for (let bit = 0; bit < 4; bit++) word = (word >>> 1) ^ ((i >>> bit) & 1 ? POLYNOMIAL : 0)
    table[i] = word
  }
  return table
}

/** Work space of all, which holds nothing from one input to the next. */
const partial = new Uint8Array(BLOCK)

/** GHASH of NIST SP 800-38D §6.4, for inputs so short that calling into native code costs more than the hash. Allocates nothing per input. */
export class Ghash {
  /** The key times each four-bit polynomial, four words each, most significant first. */
  private readonly table = new Uint32Array(ENTRIES * 4)
  private y0 = 0
  private y1 = 0
  private y2 = 0
  private y3 = 0

  /** @param key The hash subkey H, 16 bytes. */
  constructor(key: Uint8Array) {
    const { table } = this
    const word = (at: number): number => new DataView(key.buffer, key.byteOffset, BLOCK).getUint32(at)
    let [w0, w1, w2, w3] = [word(0), word(4), word(8), word(12)]
    for (let bit = 8; bit > 0; bit >>>= 1) {
      table.set([w0, w1, w2, w3], bit * 4)
      const carry = w3 & 1 ? POLYNOMIAL : 0
      w3 = (w3 >>> 1) | (w2 << 31)
      w2 = (w2 >>> 1) | (w1 << 31)
      w1 = (w1 >>> 1) | (w0 << 31)
      w0 = (w0 >>> 1) ^ carry
    }
    for (let high = 2; high < ENTRIES; high <<= 1) {
      for (let low = 1; low < high; low++) {
        for (let k = 0; k < 4; k++) table[(high + low) * 4 + k] = (table[high * 4 + k] as number) ^ (table[low * 4 + k] as number)
      }
    }
  }

  reset(): void {
    this.y0 = this.y1 = this.y2 = this.y3 = 0
  }

  /** Takes `bytes[start, end)`, filled up with zeros to whole blocks. */
  update(bytes: Uint8Array, start: number, end: number): void {
    let at = start
    for (; at + BLOCK <= end; at += BLOCK) this.block(bytes, at)
    if (at === end) return
    partial.fill(0)
    for (let i = at; i < end; i++) partial[i - at] = bytes[i] as number
    this.block(partial, 0)
  }

  /** Takes the last block: both lengths, in bytes. */
  lengths(aad: number, text: number): void {
    this.y1 ^= aad * 8
    this.y3 ^= text * 8
    this.multiply()
  }

  /** Writes the hash XORed with a block of key stream. */
  write(target: Uint8Array, at: number, mask: Uint8Array, maskAt: number): void {
    put(target, at, this.y0, mask, maskAt)
    put(target, at + 4, this.y1, mask, maskAt + 4)
    put(target, at + 8, this.y2, mask, maskAt + 8)
    put(target, at + 12, this.y3, mask, maskAt + 12)
  }

  private block(b: Uint8Array, at: number): void {
    this.y0 ^= word(b, at)
    this.y1 ^= word(b, at + 4)
    this.y2 ^= word(b, at + 8)
    this.y3 ^= word(b, at + 12)
    this.multiply()
  }

  private multiply(): void {
    const { table, y0, y1, y2, y3 } = this
    let z0 = 0
    let z1 = 0
    let z2 = 0
    let z3 = 0
    for (let w = 3; w >= 0; w--) {
      const digits = w === 3 ? y3 : w === 2 ? y2 : w === 1 ? y1 : y0
      for (let shift = 0; shift < 32; shift += 4) {
        const carry = REDUCTION[z3 & 15] as number
        z3 = (z3 >>> 4) | (z2 << 28)
        z2 = (z2 >>> 4) | (z1 << 28)
        z1 = (z1 >>> 4) | (z0 << 28)
        z0 = (z0 >>> 4) ^ carry
        const i = ((digits >>> shift) & 15) << 2
        z0 ^= table[i] as number
        z1 ^= table[i + 1] as number
        z2 ^= table[i + 2] as number
        z3 ^= table[i + 3] as number
      }
    }
    this.y0 = z0
    this.y1 = z1
    this.y2 = z2
    this.y3 = z3
  }
}

/** Four bytes as a signed number, the most significant first. */
export function word(b: Uint8Array, at: number): number {
  return ((b[at] as number) << 24) | ((b[at + 1] as number) << 16) | ((b[at + 2] as number) << 8) | (b[at + 3] as number)
}

function put(target: Uint8Array, at: number, value: number, mask: Uint8Array, maskAt: number): void {
  target[at] = (value >>> 24) ^ (mask[maskAt] as number)
  target[at + 1] = (value >>> 16) ^ (mask[maskAt + 1] as number)
  target[at + 2] = (value >>> 8) ^ (mask[maskAt + 2] as number)
  target[at + 3] = value ^ (mask[maskAt + 3] as number)
}
