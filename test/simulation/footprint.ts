/** What an object holds, all that it reaches included. */
export interface Footprint {
  /** Entries of lists, maps and sets that are not empty, by where they are; typed arrays are not among them. */
  readonly lists: ReadonlyMap<string, number>
  /** All of those entries together. */
  readonly entries: number
  /** Bytes in typed arrays, each buffer once. */
  readonly bytes: number
}

/** What is given from outside, counts, or is there to be written over: no state of the protocol. */
const OUTSIDE: ReadonlySet<string> = new Set(['config', 'identity', 'backend', 'policy', 'random', 'stats', 'work', 'limit'])

/** Walks through all that an object reaches, so that no queue, map or heap is forgotten, whoever adds one. */
export function footprint(root: object): Footprint {
  const lists = new Map<string, number>()
  const seen = new Set<object>([root])
  const buffers = new Set<ArrayBufferLike>()
  let entries = 0
  let bytes = 0
  const found: { readonly value: object; readonly path: string }[] = [{ value: root, path: '' }]
  const add = (value: unknown, path: string): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return
    seen.add(value)
    found.push({ value, path })
  }
  const count = (path: string, size: number): void => {
    if (size === 0) return
    lists.set(path, (lists.get(path) ?? 0) + size)
    entries += size
  }
  for (let next = found.pop(); next !== undefined; next = found.pop()) {
    const { value, path } = next
    if (ArrayBuffer.isView(value)) {
      if (!buffers.has(value.buffer)) bytes += value.buffer.byteLength
      buffers.add(value.buffer)
    } else if (Array.isArray(value)) {
      // Queues keep room for a few, and what nothing is in is none of theirs: see `base/queue.ts`.
      count(path, value.filter((item) => item !== undefined).length)
      for (const item of value) add(item, `${path}[]`)
    } else if (value instanceof Map || value instanceof Set) {
      count(path, value.size)
      for (const item of value.values()) add(item, `${path}{}`)
    } else if (isOurs(value)) for (const [name, item] of Object.entries(value)) if (!OUTSIDE.has(name)) add(item, `${path}.${name}`)
  }
  return { lists, entries, bytes }
}

/** Lists that hold more than those of one that has just been made. */
export function leftovers(root: object, fresh: object): string[] {
  const before = footprint(fresh).lists
  return [...footprint(root).lists].filter(([path, size]) => size > (before.get(path) ?? 0)).map(([path, size]) => `${path}: ${size}`)
}

/** Node's own objects (keys, ciphers) are closed books. */
function isOurs(value: object): boolean {
  const { constructor } = value as { readonly constructor?: { readonly name: string } }
  return constructor === undefined || !/^(KeyObject|SecretKeyObject|Cipher|Decipher|Hmac|Hash|DiffieHellman)/.test(constructor.name)
}
