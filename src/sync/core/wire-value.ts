import { fromUtf8, utf8 } from '../../base/bytes.ts'
import { DecodeError } from '../../base/errors.ts'
import type { Shape } from '../../schema/field.ts'
import { bitsFor } from './bits.ts'
import type { BitReader, BitWriter } from './bits.ts'

const floats = new DataView(new ArrayBuffer(8))

/** A 32-bit number as a whole number, such that near ones are near: what is a small change stays one. */
export function orderedFloat32(value: number): number {
  floats.setFloat32(0, value)
  const bits = floats.getInt32(0)
  return bits < 0 ? -0x8000_0000 - bits : bits
}

/** The inverse of {@link orderedFloat32}; what is no finite number comes out as one that is not finite. */
export function fromOrderedFloat32(ordered: number): number {
  floats.setInt32(0, ordered < 0 ? -0x8000_0000 - ordered : ordered)
  return floats.getFloat32(0)
}

/** Writes a value as `Field.encode` gives it. */
export function writeWire(bits: BitWriter, shape: Shape, raw: unknown): void {
  switch (shape.kind) {
    case 'int':
      bits.uint((raw as number) - shape.least, bitsFor(shape.most - shape.least))
      break
    case 'bool':
      bits.bool(raw as boolean)
      break
    case 'float32':
      bits.uint(orderedFloat32(raw as number) + 0x8000_0000, 32)
      break
    case 'float64':
      bits.float64(raw as number)
      break
    case 'string':
    case 'bytes': {
      const bytes = shape.kind === 'string' ? utf8(raw as string) : (raw as Uint8Array)
      bits.uint(bytes.length, bitsFor(mostBytes(shape)))
      bits.raw(bytes)
      break
    }
    case 'optional':
      bits.bool(raw !== null)
      if (raw !== null) writeWire(bits, shape.of, raw)
      break
    case 'array':
      bits.uint((raw as unknown[]).length, bitsFor(shape.most))
      for (const item of raw as unknown[]) writeWire(bits, shape.of, item)
      break
    case 'object':
      for (let i = 0; i < shape.parts.length; i++) writeWire(bits, shape.parts[i] as Shape, (raw as unknown[])[i])
  }
}

/** Reads a value for `Field.decode`, which checks it. @throws DecodeError */
export function readWire(bits: BitReader, shape: Shape): unknown {
  switch (shape.kind) {
    case 'int':
      return shape.least + bits.uint(bitsFor(shape.most - shape.least))
    case 'bool':
      return bits.bool()
    case 'float32':
      return fromOrderedFloat32(bits.uint(32) - 0x8000_0000)
    case 'float64':
      return bits.float64()
    case 'string':
      return fromUtf8(bits.raw(bits.uint(bitsFor(mostBytes(shape)))))
    case 'bytes':
      return bits.raw(bits.uint(bitsFor(mostBytes(shape))))
    case 'optional':
      return bits.bool() ? readWire(bits, shape.of) : null
    case 'array': {
      const length = bits.uint(bitsFor(shape.most))
      if (length > shape.most) throw new DecodeError('list too long')
      const items: unknown[] = []
      for (let i = 0; i < length; i++) items.push(readWire(bits, shape.of))
      return items
    }
    case 'object':
      return shape.parts.map((part) => readWire(bits, part))
  }
}

/** Bits that a value has at most. */
export function mostBits(shape: Shape): number {
  switch (shape.kind) {
    case 'int':
      return bitsFor(shape.most - shape.least)
    case 'bool':
      return 1
    case 'float32':
      return 32
    case 'float64':
      return 64
    case 'string':
    case 'bytes':
      return bitsFor(mostBytes(shape)) + 8 * mostBytes(shape)
    case 'optional':
      return 1 + mostBits(shape.of)
    case 'array':
      return bitsFor(shape.most) + shape.most * mostBits(shape.of)
    case 'object':
      return shape.parts.reduce((sum, part) => sum + mostBits(part), 0)
  }
}

/** A UTF-16 code unit takes at most three bytes in UTF-8. */
function mostBytes(shape: { readonly kind: 'string' | 'bytes'; readonly most: number }): number {
  return shape.kind === 'string' ? 3 * shape.most : shape.most
}

/** Values with parts are replaced, never changed in place: such a change could not be seen. */
export function frozen(value: unknown): unknown {
  // Bytes can't be frozen.
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value
  for (const part of Object.values(value)) frozen(part)
  return Object.freeze(value)
}
