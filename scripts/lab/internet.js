/** The lab's network: an internet that takes its time, an introducer on it, and sites with players behind NATs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { countRules, firewallRules, lossRules, mapperRules, mapperSettings, natRules } from './nat.js'
import { ip, namespaceName, Program, runBeside, runIn } from './system.js'

/** RFC 5737's documentation addresses stand for the internet, RFC 6598's for a provider's own network, RFC 1918's for homes. */
const INTERNET = '203.0.113'
const PROVIDER = '100.64.0'
const HOME = '192.168.1'
/**
 * Part of the internet that does not look like documentation: what maps ports refuses to where the address outside can not be a public one.
 */
const PUBLIC = '11.22.33'
/** IPv6 documentation addresses, RFC 3849: those of the internet; a home that has IPv6 has a network of its own, with its number. */
const INTERNET6 = '2001:db8:1::'
const homeNetwork = (number) => `2001:db8:${number}00::`
export const INTRODUCER = `${INTERNET}.1`
export const INTRODUCER_IPV6 = `${INTERNET6}1`
/** The introducer's second address, by which NATs are told apart that filter by address. */
export const INTRODUCER2 = `${INTERNET}.2`
const FIRST_SITE = 10
const VXLAN_PORT = 4_789
/** The tunnels' own network has room for a whole frame and their headers. */
const JUMBO = 9_000
const READY = 10_000
/** Milliseconds, and how many of them. */
const MOMENT = 50
const MOMENTS = 20
/** How long a router takes until it maps ports. Milliseconds. */
const MAPPER_START = 1_000
const wireFile = fileURLToPath(new URL('wire.js', import.meta.url))

/** The introducer's place and those of players, on one internet. */
export class Internet {
  constructor() {
    this.nextSite = FIRST_SITE
    /** Who is on the internet with IPv6: namespace, and the network behind it. */
    this.routers6 = []
    this.under = namespaceName('under')
    this.introducer = namespaceName('introducer')
  }

  /** @param delay One way between any two sites, milliseconds */
  async start(delay) {
    const wire = namespaceName('wire')
    for (const name of [this.under, wire, this.introducer]) addNamespace(name)
    ip(undefined, [`link add veth0 netns ${this.under} mtu ${JUMBO} type veth peer name veth0 netns ${wire} mtu ${JUMBO}`])
    ip(this.under, ['address add 10.255.0.1/30 dev veth0', 'link set veth0 up'])
    ip(wire, ['address add 10.255.0.2/30 dev veth0', 'link set veth0 up'])
    this.wire = new Program(wire, process.execPath, [wireFile, String(delay)])
    await this.wire.event('ready', READY)
    this.attach(this.introducer, [INTRODUCER, INTRODUCER2], INTRODUCER_IPV6)
    this.routers6.push({ namespace: this.introducer, address: INTRODUCER_IPV6 })
    ip(this.introducer, [`route add ${PUBLIC}.0/24 dev wan`])
  }

  /**
   * Looks for a text in every frame that passes from now on. @returns What tells, once the condition holds or after a moment, in how many frames
   * it was looked for (`frames`) and found (`hits`)
   */
  async watch(text) {
    let told = 0
    const ask = async (question) => {
      this.wire.tell(question)
      told++
      await this.wire.waitFor(() => this.wire.said.filter(({ event }) => event === 'seen').length >= told, READY, 'the wire')
      return this.wire.said.findLast(({ event }) => event === 'seen')
    }
    await ask({ watch: text })
    return async (isEnough = () => false) => {
      for (let i = 0; ; i++) {
        const seen = await ask({})
        if (isEnough(seen) || i === MOMENTS) return seen
        await new Promise((resolve) => setTimeout(resolve, MOMENT))
      }
    }
  }

  /** Gives a namespace an interface `wan` with addresses on the internet. */
  attach(namespace, addresses, address6) {
    const number = this.nextSite++
    const own = addresses ?? [`${INTERNET}.${number}`]
    ip(this.under, [
      `link add w${number} type vxlan id ${number} local 10.255.0.1 remote 10.255.0.2 dstport ${VXLAN_PORT}`,
      `link set w${number} netns ${namespace} name wan`,
    ])
    ip(namespace, [
      'link set wan mtu 1500 up',
      ...own.map((address) => `address add ${address}/24 dev wan`),
      ...(address6 === undefined ? [] : [`address add ${address6}/64 dev wan nodad`]),
    ])
    // A checksum that is left to the hardware never gets computed on the way through user space.
    runIn(namespace, 'ethtool', ['-K', 'wan', 'tx', 'off'])
    return own[0]
  }

  /**
   * A place behind a NAT of a kind, or none, with so many players. @param ipv6 `beside`: has IPv6 as well, behind a firewall that lets nothing in
   * unasked; `alone`: has nothing else
   */
  site(name, kind, { players = 1, hairpin = false, mapsPorts = false, ipv6 } = {}) {
    const clients = Array.from({ length: players }, (_, i) => namespaceName(`${name}-${i + 1}`))
    clients.forEach(addNamespace)
    if (kind === 'none') return new Site(kind, clients, [], this.attach(clients[0]))
    const outer = namespaceName(`${name}-nat`)
    addNamespace(outer)
    const address = this.attach(outer, mapsPorts ? [`${PUBLIC}.${this.nextSite}`] : undefined)
    ip(outer, [`route add ${mapsPorts ? INTERNET : PUBLIC}.0/24 dev wan`])
    const nats = [outer]
    if (kind === 'double') {
      const inner = namespaceName(`${name}-nat2`)
      addNamespace(inner)
      bridge(outer, PROVIDER)
      plug(inner, 'wan', outer, PROVIDER, 2)
      nats.push(inner)
    }
    const inner = nats.at(-1)
    bridge(inner, HOME)
    clients.forEach((client, i) => plug(client, 'eth0', inner, HOME, i + 2))
    nats.forEach((nat, i) => runIn(nat, 'nft', ['-f', '-'], natRules(kind, i === 0 ? address : `${PROVIDER}.2`, { hairpin })))
    if (ipv6 !== undefined) this.addIpv6(outer, clients, Number(address.split('.').at(-1)))
    if (ipv6 === 'alone') for (const client of clients) runIn(client, 'ip', ['-4', 'address', 'flush', 'dev', 'eth0'])
    return new Site(kind, clients, nats, address)
  }

  /** A home's router gets a network of IPv6 addresses for those behind it, and a firewall. */
  addIpv6(router, clients, number) {
    const [outside, network] = [`${INTERNET6}${number}`, homeNetwork(number)]
    runIn(router, 'sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'])
    ip(router, [`address add ${outside}/64 dev wan nodad`, `address add ${network}1/64 dev lan nodad`])
    clients.forEach((client, i) => {
      ip(client, [`address add ${network}${i + 2}/64 dev eth0 nodad`, `route add default via ${network}1 dev eth0`])
    })
    runIn(router, 'nft', ['-f', '-'], firewallRules())
    const own = { namespace: router, address: outside, network }
    for (const other of this.routers6) {
      for (const [from, to] of [
        [own, other],
        [other, own],
      ]) {
        if (to.network !== undefined) ip(from.namespace, [`route add ${to.network}/64 via ${to.address} dev wan`])
      }
    }
    this.routers6.push(own)
  }
}

/** Players and the NATs in front of them, the outermost first. */
class Site {
  constructor(kind, clients, nats, address) {
    this.kind = kind
    this.clients = clients
    this.nats = nats
    this.address = address
  }

  /** The NATs forget all that they knew, as after a restart, and those of other sites with them. */
  async flush(...others) {
    // Only the cones have a memory of their own.
    const all = 'conntrack -F && { nft flush map inet lab ports; nft flush set inet lab seen; true; }'
    await Promise.all([this, ...others].flatMap(({ nats }) => nats.map((nat) => runBeside(nat, 'sh', ['-c', all]))))
  }

  /** The router maps ports for its players from now on. @param protocol `pcp`, NAT-PMP with it, or `upnp` @returns What does that */
  async mapPorts(protocol) {
    const [nat] = this.nats
    runIn(nat, 'nft', ['-f', '-'], mapperRules())
    const folder = mkdtempSync(join(tmpdir(), 'altolab-'))
    const file = join(folder, 'mapper.conf')
    writeFileSync(file, mapperSettings(protocol))
    const program = new Program(nat, 'miniupnpd', ['-d', '-f', file, '-P', join(folder, 'pid')])
    await new Promise((resolve) => setTimeout(resolve, MAPPER_START))
    rmSync(folder, { recursive: true })
    return program
  }

  /** Ports that the router leads inwards now, as rules of the system's. */
  get mappedPorts() {
    return runIn(this.nats[0], 'nft', ['list', 'table', 'inet', 'miniupnpd'])
      .split('\n')
      .filter((line) => line.includes('dnat'))
  }

  /** Loses a share of what passes, in percent. */
  lose(percent) {
    runIn(this.nats[0] ?? this.clients[0], 'nft', ['-f', '-'], lossRules(percent))
  }

  /** Counts packets between this site, which has no NAT, and an address, from now on. @returns What says how many there were */
  count(address) {
    const [client] = this.clients
    runIn(client, 'nft', ['-f', '-'], countRules(address))
    return () => Number(/packets (\d+)/.exec(runIn(client, 'nft', ['list', 'counter', 'ip', 'counted', 'straight']))[1])
  }

  /** The player's machine gets another address in its network, as from another access point. */
  changeAddress() {
    const [client] = this.clients
    if (this.nats.length === 0) {
      const [network, host] = [INTERNET, Number(this.address.split('.').at(-1)) + 100]
      // In this order: the system deletes further addresses of a network together with the first.
      ip(client, [`address delete ${this.address}/24 dev wan`, `address add ${network}.${host}/24 dev wan`])
      this.address = `${network}.${host}`
      return
    }
    ip(client, [`address delete ${HOME}.2/24 dev eth0`, `address add ${HOME}.77/24 dev eth0`, `route add default via ${HOME}.1`])
  }
}

function addNamespace(name) {
  ip(undefined, [`netns add ${name}`])
  ip(name, ['link set lo up'])
  runIn(name, 'sh', ['-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects'])
}

/** The switch on the inner side of a NAT. */
function bridge(nat, network) {
  ip(nat, ['link add lan type bridge', `address add ${network}.1/24 dev lan`, 'link set lan up'])
}

/** A cable from a machine to the switch of a NAT. */
function plug(machine, name, nat, network, host) {
  const port = `port${host}`
  ip(undefined, [`link add ${name} netns ${machine} type veth peer name ${port} netns ${nat}`])
  ip(nat, [`link set ${port} master lan up`])
  ip(machine, [`address add ${network}.${host}/24 dev ${name}`, `link set ${name} up`, `route add default via ${network}.1`])
}
