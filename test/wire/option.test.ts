import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EMPTY, concat, fromHex, toHex } from '../../src/base/bytes.ts'
import { DecodeError } from '../../src/base/errors.ts'
import {
  encodeOptions,
  optionSize,
  parseCertificateOptions,
  parseOptions,
  readOption,
  readOptionList,
  writeMarker,
  writeOption,
} from '../../src/wire/option.ts'
import { bytes, embedded, vlu, written } from './chunks.ts'

const option = fc.record({ type: vlu, value: bytes })
const options = fc.array(option, { maxLength: 6 })
const MARKER = Uint8Array.of(0)

describe('options, RFC 7016 §2.1.3, §2.1.4', () => {
  test('decode(encode(option)) = option, in as many bytes as optionSize says', () => {
    fc.assert(
      fc.property(option, ({ type, value }) => {
        const encoded = written((w) => writeOption(w, type, value))
        expect(encoded).toHaveLength(optionSize(type, value))
        const r = embedded(encoded)
        expect(readOption(r)).toEqual({ type, value })
        expect(r.remaining).toBe(0)
      }),
    )
  })

  test('a list ends with its Marker, and what follows is left', () => {
    fc.assert(
      fc.property(options, bytes, (list, rest) => {
        const encoded = written((w) => {
          for (const { type, value } of list) writeOption(w, type, value)
          writeMarker(w)
          w.raw(rest)
        })
        const r = embedded(encoded)
        expect(readOptionList(r)).toEqual(list)
        expect(r.rest()).toEqual(rest)
      }),
    )
  })

  test('parse(encode(options)) = options', () => {
    fc.assert(
      fc.property(options, (list) => {
        expect(parseOptions(encodeOptions(list))).toEqual(list)
      }),
    )
  })

  test('values are copies', () => {
    const encoded = encodeOptions([{ type: 1, value: Uint8Array.of(5) }])
    const [parsed] = parseOptions(encoded)
    encoded.fill(0xff)
    expect(parsed?.value).toEqual(Uint8Array.of(5))
  })

  test.each([
    ['an option without its end', '0500aabb'],
    ['an option of only a length', '05'],
    ['a length without its end', '85'],
    ['a type that goes on past its option', '018000'],
    ['a type that goes on past the bytes', '0180'],
    ['a length beyond what can be counted', 'ffffffffffffffffff7f00'],
  ])('%s is malformed', (_, hex) => {
    expect(() => parseOptions(fromHex(hex))).toThrow(DecodeError)
    expect(() => readOptionList(embedded(fromHex(hex)))).toThrow(DecodeError)
    expect(() => parseCertificateOptions(fromHex(hex))).toThrow(DecodeError)
    expect(() => parseCertificateOptions(fromHex(`00${hex}`))).toThrow(DecodeError)
  })

  test('a list without a Marker is malformed, and so is a Marker where there can be none', () => {
    expect(() => readOptionList(embedded(fromHex('0200aa')))).toThrow(DecodeError)
    expect(() => parseOptions(fromHex('0200aa00'))).toThrow(DecodeError)
  })

  test('lengths and types may take more bytes than they need', () => {
    expect(parseOptions(fromHex('80048080800a'))).toEqual([{ type: 10, value: EMPTY }])
    expect(readOptionList(embedded(fromHex('808000')))).toEqual([])
  })
})

describe('certificates, RFC 7425 §4.3.1', () => {
  test('everything up to the first Marker is canonical', () => {
    fc.assert(
      fc.property(options, fc.option(fc.array(fc.oneof(option, fc.constant(undefined)), { maxLength: 6 })), (canonical, others) => {
        const front = encodeOptions(canonical)
        const behind = (others ?? []).map((each) => (each === undefined ? MARKER : encodeOptions([each])))
        const certificate = others === null ? front : concat(front, MARKER, ...behind)
        expect(parseCertificateOptions(certificate)).toEqual({
          canonical: front,
          canonicalOptions: canonical,
          otherOptions: (others ?? []).filter((each) => each !== undefined),
        })
      }),
    )
  })

  test('the canonical bytes are a copy, as they came, needless digits and all', () => {
    const certificate = fromHex('8002150e' + '80' + '00' + '02150f')
    const { canonical, canonicalOptions, otherOptions } = parseCertificateOptions(certificate)
    certificate.fill(0)
    expect(toHex(canonical)).toBe('8002150e')
    expect(canonicalOptions).toEqual([{ type: 0x15, value: Uint8Array.of(14) }])
    expect(otherOptions).toEqual([{ type: 0x15, value: Uint8Array.of(15) }])
  })

  test('no bytes at all are a certificate without options', () => {
    expect(parseCertificateOptions(EMPTY)).toEqual({ canonical: EMPTY, canonicalOptions: [], otherOptions: [] })
  })
})
