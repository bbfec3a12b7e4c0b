import { Address } from '../../base/address.ts'
import type { IntroducerClient } from '../../introducer/client.ts'
import type { ProbeSource, ProbeTicket } from '../../introducer/probe.ts'
import type { Clock } from '../../link/clock.ts'
import { IPV4_HEADERS, IPV6_HEADERS, LATE, QUALITY_INTERVAL, QUALITY_PROBES, SIZES, TRIES, TRY_WAIT } from './constants.ts'
import { filteringOf, mappingOf } from './findings.ts'
import type { Nat, Quality } from './findings.ts'
import type { Heard, ProbeLink } from './probe-link.ts'

/** What the tests need. */
export interface Examinee {
  readonly link: ProbeLink
  readonly introducer: IntroducerClient
  readonly clock: Clock
  readonly wallTime: () => number
  /** Numeric addresses of this machine. */
  readonly ownAddresses: readonly string[]
  /** The introducer's address. */
  readonly server: Address
}

/** Asks for a token, with which every test begins. @throws AltostratusError `NO_PROBES` */
export async function admit({ link, introducer }: Examinee): Promise<ProbeTicket> {
  const ticket = await introducer.probe()
  link.token = ticket.token
  return ticket
}

/** The tests of RFC 5780, in the order in which none spoils another: what comes unasked must be looked for before anything is sent there. */
export async function examineNat(examinee: Examinee, ticket: ProbeTicket): Promise<Nat> {
  const { link, server, ownAddresses } = examinee
  const second = Address.from(server.host, ticket.port)
  const third = ticket.address === undefined ? undefined : Address.parse(ticket.address)
  const observed = Address.parse(ticket.observed)
  const address = third === undefined ? undefined : await comesUnasked(examinee, 'address')
  const port = address === true || (await comesUnasked(examinee, 'port'))
  const otherPort = await observedBy(examinee, second)
  const otherAddress = third === undefined ? undefined : await observedBy(examinee, third)
  return {
    observed: observed.key,
    translated: !ownAddresses.some((own) => own === observed.host) || !link.addresses.some(({ port: own }) => own === observed.port),
    mapping: mappingOf({ first: observed.key, otherPort: otherPort?.key, otherAddress: otherAddress?.key }),
    filtering: filteringOf({ port, address }),
    hairpin: (await observedBy(examinee, observed)) !== undefined,
  }
}

/** Round-trip time, jitter, loss, path MTU and the difference of the clocks, by the introducer's second port. */
export async function examineQuality(examinee: Examinee, ticket: ProbeTicket): Promise<Quality | undefined> {
  const second = Address.from(examinee.server.host, ticket.port)
  const rounds = await roundTrips(examinee, second)
  if (rounds.length === 0) return undefined
  const times = rounds.map(({ rtt }) => rtt)
  const differences = times.slice(1).map((rtt, i) => Math.abs(rtt - (times[i] as number)))
  const quickest = rounds.reduce((best, round) => (round.rtt < best.rtt ? round : best))
  return {
    rtt: { least: Math.min(...times), mean: mean(times), most: Math.max(...times) },
    jitter: differences.length === 0 ? 0 : mean(differences),
    loss: 1 - rounds.length / QUALITY_PROBES,
    probes: QUALITY_PROBES,
    mtu: await largest(examinee, second),
    // Half of the quickest round trip is the best guess at when the answer was written.
    clockOffset: quickest.time === 0 ? undefined : quickest.time - (quickest.wall + quickest.rtt / 2),
  }
}

async function comesUnasked(examinee: Examinee, send: ProbeSource): Promise<boolean> {
  for (let i = 0; i < TRIES; i++) {
    const heard = first(examinee, ({ sequence }) => sequence === 0)
    await examinee.introducer.probe(send)
    if ((await heard) !== undefined) return true
  }
  return false
}

/** Where the socket at an address sees this end; `undefined` when it does not answer. */
async function observedBy(examinee: Examinee, to: Address): Promise<Address | undefined> {
  for (let i = 0; i < TRIES; i++) {
    const sequence = examinee.link.nextSequence()
    const heard = first(examinee, (answer) => answer.sequence === sequence)
    examinee.link.probe(sequence, to)
    const answer = await heard
    if (answer !== undefined) return answer.observed
  }
  return undefined
}

interface Round {
  readonly rtt: number
  readonly time: number
  /** Milliseconds since 1970 when it was sent. */
  readonly wall: number
}

async function roundTrips({ link, clock, wallTime }: Examinee, to: Address): Promise<Round[]> {
  const sent = new Map<number, { readonly at: number; readonly wall: number }>()
  const rounds: Round[] = []
  const end = link.listen(({ sequence, at, time }) => {
    const probe = sent.get(sequence)
    if (probe === undefined || !sent.delete(sequence)) return
    rounds.push({ rtt: at - probe.at, time, wall: probe.wall })
  })
  for (let i = 0; i < QUALITY_PROBES; i++) {
    const sequence = link.nextSequence()
    sent.set(sequence, { at: clock.now(), wall: wallTime() })
    link.probe(sequence, to)
    await wait(clock, QUALITY_INTERVAL)
  }
  await wait(clock, LATE)
  end()
  return rounds
}

/** The largest IP packet whose probe came back. Two of each size at once: the system learns from a router's complaint, and would cut a later one. */
async function largest({ link, clock }: Examinee, to: Address): Promise<number> {
  const headers = to.isIpv4 ? IPV4_HEADERS : IPV6_HEADERS
  let most = 0
  const end = link.listen(({ length, from }) => {
    if (from.equals(to)) most = Math.max(most, length)
  })
  for (const size of SIZES) {
    if (size > ETHERNET - headers) continue
    link.probe(link.nextSequence(), to, size)
    link.probe(link.nextSequence(), to, size)
  }
  await wait(clock, LATE)
  end()
  return most === 0 ? 0 : most + headers
}

/** Bytes. */
const ETHERNET = 1_500

function first({ link, clock }: Examinee, isWanted: (heard: Heard) => boolean): Promise<Heard | undefined> {
  return new Promise((resolve) => {
    const end = link.listen((heard) => {
      if (!isWanted(heard)) return
      finish(heard)
    })
    const timer = clock.at(clock.now() + TRY_WAIT, () => finish(undefined))
    const finish = (heard: Heard | undefined): void => {
      end()
      timer.cancel()
      resolve(heard)
    }
  })
}

function wait(clock: Clock, milliseconds: number): Promise<void> {
  return new Promise((resolve) => clock.at(clock.now() + milliseconds, resolve))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
