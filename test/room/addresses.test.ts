import { describe, expect, test } from '@jest/globals'
import { Address } from '../../src/base/address.ts'
import { AltostratusError } from '../../src/base/errors.ts'
import { seededRandom } from '../../src/base/random.ts'
import { nodeBackend } from '../../src/crypto/node.ts'
import { DEFAULT_POLICY } from '../../src/crypto/policy.ts'
import { channel, game, t } from '../../src/entry/main.ts'
import { DEFAULT_PORT } from '../../src/introducer/constants.ts'
import { introducerUrl, parseIntroducerUrl } from '../../src/introducer/url.ts'
import type { Link, PortMapping } from '../../src/link/link.ts'
import { ADDRESS_CHECK } from '../../src/room/constants.ts'
import { Network } from '../../src/room/network.ts'
import type { NetworkParts } from '../../src/room/network.ts'
import { World } from '../introducer/world.ts'

const tested = game('test.addresses', { protocol: 1, channels: { chat: channel({ n: t.uint8 }) } })
const MAPPED = Address.parse('10.9.9.9:4000')
const NEW = Address.parse('192.168.7.7:5000')

function promised<T>() {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>((settle) => (resolve = settle))
  return { promise, resolve }
}

/** Two players of one room; the guest is made of `parts`, its own addresses are in the test's hands. */
async function meet(parts: Partial<NetworkParts>) {
  const world = new World()
  const own: { addresses: readonly Address[] | undefined } = { addresses: undefined }
  const make = async (seed: number, more: Partial<NetworkParts>): Promise<Network> => {
    const link = world.network.createLink()
    const changing = new Proxy<Link>(link, {
      get(target, name) {
        if (name === 'addresses' && seed === 2) return own.addresses ?? link.addresses
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
    const { host } = world.link.address
    const network = new Network({
      link: changing,
      clock: world.clock,
      backend: nodeBackend,
      random: seededRandom(seed),
      policy: DEFAULT_POLICY,
      url: parseIntroducerUrl(introducerUrl(host, DEFAULT_PORT, world.identity.peerId)),
      hosts: [host],
      ...more,
    })
    await world.wait(network.introducer.connect())
    return network
  }
  const host = await make(1, {})
  const guest = await make(2, parts)
  const heard: string[][] = []
  host.introducer.on('contact', (_peerId, { addresses }) => heard.push(addresses.map(({ key }) => key)))
  const room = await world.wait(host.create(tested))
  await world.wait(guest.join(tested, { code: room.code }))
  await world.run(1_000)
  heard.length = 0
  return { world, guest, heard, own }
}

describe('a port of the router', () => {
  test('is one of the addresses that others try, from when it is there, and is given back at the end', async () => {
    const given = promised<PortMapping>()
    let closed = 0
    let change: (address: Address) => void = () => {}
    const mapPort = (port: number, onChange: (address: Address) => void): Promise<PortMapping> => {
      expect(port).toBeGreaterThan(0)
      change = onChange
      return given.promise
    }
    const { world, guest, heard } = await meet({ mapPort })
    expect(guest.portMapping).toEqual({ state: 'asking' })
    given.resolve({ protocol: 'PCP', address: MAPPED, close: () => Promise.resolve(void closed++) })
    await world.run(200)
    expect(guest.portMapping).toEqual({ state: 'mapped', protocol: 'PCP', address: MAPPED.key })
    expect(heard.at(-1)).toContain(MAPPED.key)
    change(NEW)
    expect(guest.portMapping).toMatchObject({ address: NEW.key })
    await world.run(200)
    expect(heard.at(-1)).toContain(NEW.key)
    expect(heard.at(-1)).not.toContain(MAPPED.key)
    await world.wait(guest.close())
    expect(closed).toBe(1)
  })

  test('that comes when all is over is given back', async () => {
    const given = promised<PortMapping>()
    let closed = 0
    const { world, guest } = await meet({ mapPort: () => given.promise })
    await world.wait(guest.close())
    given.resolve({ protocol: 'UPnP', address: MAPPED, close: () => Promise.resolve(void closed++) })
    await world.run(1)
    expect(closed).toBe(1)
  })

  test('that is not to be had is told, and nothing else suffers', async () => {
    const error = new AltostratusError('PORT_MAPPING_FAILED', 'The router has mapped no port.')
    const { guest } = await meet({ mapPort: () => Promise.reject(error) })
    expect(guest.portMapping).toEqual({ state: 'failed', error })
  })

  test('is not asked for where nobody is to see this end’s address', async () => {
    let asked = 0
    const mapPort = (): Promise<PortMapping> => Promise.reject(new Error(String(++asked)))
    const { guest } = await meet({ mapPort, relay: 'always' })
    expect(guest.portMapping).toEqual({ state: 'off' })
    expect(asked).toBe(0)
  })
})

test('an address that is there of a sudden is told to those in the room, one that stays is not told again', async () => {
  const { world, heard, own, guest } = await meet({ watchesAddresses: true })
  await world.run(3 * ADDRESS_CHECK)
  expect(heard).toEqual([])
  own.addresses = [NEW]
  await world.run(ADDRESS_CHECK + 100)
  expect(heard.at(-1)).toContain(NEW.key)
  const told = heard.length
  await world.run(3 * ADDRESS_CHECK)
  expect(heard).toHaveLength(told)
  await world.wait(guest.close())
})
