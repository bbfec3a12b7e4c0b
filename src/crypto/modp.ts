import { fromHex, toHex } from '../base/bytes.ts'
import { AltostratusError } from '../base/errors.ts'
import { GROUP_MODP14, GROUP_MODP2, GROUP_MODP5 } from './constants.ts'

/** The primes differ in length and in one constant: 2^n − 2^(n−64) − 1 + 2^64 × (⌊2^(n−130) π⌋ + c). RFC 3526 §2, §3, RFC 2409 §6.2. */
const GROUPS: ReadonlyMap<number, { readonly bits: number; readonly offset: bigint }> = new Map([
  [GROUP_MODP2, { bits: 1024, offset: 129_093n }],
  [GROUP_MODP5, { bits: 1536, offset: 741_804n }],
  [GROUP_MODP14, { bits: 2048, offset: 124_476n }],
])

const GENERATOR = 2n
/** Public keys must keep this far from 0 and from the prime. RFC 7425 §4.6.2. */
const MARGIN = 16_777_216n
/** "1" bits and "0" bits that a public key must have at least. RFC 7425 §4.6.2. */
const LEAST_BITS = 16

const primes = new Map<number, bigint>()

/** Whether the number is that of a MODP group that this profile knows. */
export function isModpGroup(group: number): boolean {
  return GROUPS.has(group)
}

/** Bytes of the group's prime. */
export function modpLength(group: number): number {
  return parameters(group).bits / 8
}

/** The group's prime. */
export function modpPrime(group: number): bigint {
  let prime = primes.get(group)
  if (prime === undefined) {
    const { bits, offset } = parameters(group)
    const n = BigInt(bits)
    prime = (1n << n) - (1n << (n - 64n)) - 1n + (1n << 64n) * (piTimesPowerOfTwo(bits - 130) + offset)
    primes.set(group, prime)
  }
  return prime
}

/** A public key may be used only with all four properties of RFC 7425 §4.6.2. */
export function isAcceptableModpKey(group: number, publicKey: Uint8Array): boolean {
  if (publicKey.length === 0 || publicKey.length > modpLength(group)) return false
  const key = toBigInt(publicKey)
  if (key < MARGIN || key > modpPrime(group) - MARGIN) return false
  const bits = key.toString(2)
  let ones = 0
  for (const bit of bits) if (bit === '1') ones++
  return ones >= LEAST_BITS && bits.length - ones >= LEAST_BITS
}

/** base^secret mod p, no leading zeros; the reference for faster implementations. Not constant-time, as BigInt is not. */
export function modpPower(group: number, secret: Uint8Array, base?: Uint8Array): Uint8Array {
  const prime = modpPrime(group)
  let factor = (base === undefined ? GENERATOR : toBigInt(base)) % prime
  let exponent = toBigInt(secret)
  let result = 1n
  while (exponent > 0n) {
    if ((exponent & 1n) === 1n) result = (result * factor) % prime
    factor = (factor * factor) % prime
    exponent >>= 1n
  }
  return fromBigInt(result)
}

/** Without its leading zeros: DH_SECRET has none. RFC 7425 §4.6.2. */
export function stripLeadingZeros(bytes: Uint8Array): Uint8Array {
  let at = 0
  while (at < bytes.length - 1 && bytes[at] === 0) at++
  return bytes.slice(at)
}

/** Big-endian bytes without leading zeros. */
export function fromBigInt(value: bigint): Uint8Array {
  const hex = value.toString(16)
  return fromHex(hex.length % 2 === 0 ? hex : `0${hex}`)
}

function toBigInt(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`)
}

function parameters(group: number): { readonly bits: number; readonly offset: bigint } {
  const found = GROUPS.get(group)
  if (found === undefined) throw new AltostratusError('KEYING_NO_GROUP', `Diffie-Hellman group ${group} is not known.`)
  return found
}

/** ⌊2^bits π⌋ by Machin's formula, π = 16 arctan(1/5) − 4 arctan(1/239), with guard bits. */
function piTimesPowerOfTwo(bits: number): bigint {
  const guard = 64n
  const one = 1n << (BigInt(bits) + guard)
  return (16n * arctanInverse(5n, one) - 4n * arctanInverse(239n, one)) >> guard
}

function arctanInverse(x: bigint, one: bigint): bigint {
  let power = one / x
  let sum = power
  for (let n = 3n, sign = -1n; power > 0n; n += 2n, sign = -sign) {
    power /= x * x
    sum += sign * (power / n)
  }
  return sum
}
