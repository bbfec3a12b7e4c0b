import { AltostratusError, DecodeError } from '../base/errors.ts'
import { pack } from '../introducer/packing.ts'
import type { Contact, Profile, Ticket } from '../introducer/protocol.ts'
import type { Timer } from '../link/clock.ts'
import type { ReceiveFlow } from '../rtmfp/flow/receive-flow.ts'
import type { Session } from '../rtmfp/session.ts'
import { answerChallenge, proveAtOnce } from './admission.ts'
import { CONTROL_FLOW, CONTROL_PRIORITY, HOST_PATIENCE, MAX_UNANNOUNCED } from './constants.ts'
import type { Control, Entry, RoomNetwork } from './core.ts'
import type { Game } from './definition.ts'
import { decodeControl, encodeControl } from './messages.ts'
import type { ControlMessage, States } from './messages.ts'
import type { Snapshot } from './membership.ts'
import type { FlowAddress } from './router.ts'

/** How somebody asks to be let in. */
export interface Application {
  readonly profile: Profile
  readonly spectator: boolean
  readonly password: string | undefined
  /** Hash of the token of a seat that is kept. */
  readonly seat: string | undefined
  /** Milliseconds. */
  readonly timeout: number
}

/** What the host has let this end in with. */
export interface Admission {
  readonly snapshot: Snapshot
  readonly states: States
  readonly entry: Entry
  /** What shows the introducer that this end is a member now. */
  readonly key: Uint8Array | undefined
}

/** Asks the host of a room for a seat, and whoever becomes host if that one is gone. */
export class Applicant {
  readonly roomId: string
  private readonly network: RoomNetwork
  private readonly game: Game
  private readonly application: Application
  private readonly code: string
  /** Of the room's password. */
  private readonly salt: Uint8Array | undefined
  /** Asks the introducer again who the host is. */
  private readonly refresh: () => Promise<Ticket>
  /** How members are reached. */
  contacts: ReadonlyMap<string, Contact>
  /** Sessions on which members have said that they know of this end. */
  readonly greetings: Set<Session> = new Set()
  /** Who is asked. */
  hostId: string
  /** What shows a host that this end knows the password; it takes some time to work out. */
  private proved: { readonly hostId: string; readonly proof: Uint8Array } | undefined = undefined
  private control: Control | undefined = undefined
  private timer: Timer
  private retry: Timer
  private settle: { readonly resolve: (admission: Admission) => void; readonly reject: (error: unknown) => void } | undefined = undefined
  /** Flows that came before the answer. */
  private readonly held: {
    readonly peerId: string
    readonly session: Session
    readonly flow: ReceiveFlow
    readonly address: FlowAddress
  }[] = []

  constructor(network: RoomNetwork, game: Game, ticket: Ticket, application: Application, refresh: () => Promise<Ticket>) {
    this.network = network
    this.game = game
    this.application = application
    this.roomId = ticket.roomId
    this.code = ticket.code
    this.salt = ticket.salt
    this.hostId = ticket.host
    this.refresh = refresh
    this.contacts = ticket.contacts ?? new Map<string, Contact>()
    const { clock } = network
    this.timer = clock.at(clock.now() + application.timeout, () => this.giveUp())
    this.retry = clock.at(clock.now() + HOST_PATIENCE, () => void this.tryAgain())
  }

  /** @throws AltostratusError `ROOM_FULL`, `ROOM_LOCKED`, `BANNED`, `PASSWORD_REQUIRED`, `WRONG_PASSWORD`, `PEER_UNREACHABLE`, … */
  ask(): Promise<Admission> {
    return new Promise((resolve, reject) => {
      this.settle = { resolve, reject }
      // It is worked out while the host's packets are under way.
      this.proof()
      this.reach()
    })
  }

  /** Hands over the flows that have come in the meantime. */
  takeFlows(): readonly {
    readonly peerId: string
    readonly session: Session
    readonly flow: ReceiveFlow
    readonly address: FlowAddress
  }[] {
    return this.held.splice(0)
  }

  // From the network

  hasSeat(peerId: string): boolean {
    return peerId === this.hostId
  }

  isWanted(peerId: string): boolean {
    return peerId === this.hostId
  }

  sessionOpened(peerId: string, session: Session): void {
    if (peerId === this.hostId && this.control?.session !== session) this.introduceSelf(session)
  }

  sessionEnded(_peerId: string, session: Session): void {
    if (this.control?.session === session) this.control = undefined
  }

  flowOpened(peerId: string, session: Session, flow: ReceiveFlow, address: FlowAddress): boolean {
    if (this.held.length >= MAX_UNANNOUNCED) return false
    flow.suspend()
    this.held.push({ peerId, session, flow, address })
    return true
  }

  standingTold(): void {}

  /** Where a member is: who is let in may hear it from the introducer before the host says so. */
  contactTold(peerId: string, contact: Contact): void {
    this.contacts = new Map(this.contacts).set(peerId, contact)
  }

  sessionMoved(): void {}

  /** The network ends. */
  shut(): void {
    this.fail(new AltostratusError('ROOM_CLOSED', 'The room was left before it was joined.'))
  }

  receiveControl(peerId: string, session: Session, data: Uint8Array): void {
    let message: ControlMessage
    try {
      message = decodeControl(data)
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      return
    }
    if (message.kind === 'hello') {
      this.greetings.add(session)
      // Who was asked is not the host any more, but knows who is.
      if (peerId === this.hostId && message.host !== this.hostId) {
        this.hostId = message.host
        this.reach()
      }
      return
    }
    if (peerId !== this.hostId) return
    if (message.kind === 'challenge') this.challenged(message)
    else if (message.kind === 'refused') this.fail(new AltostratusError(message.code, message.message, hintFor(message.code)))
    else if (message.kind === 'admitted') this.admitted(session, message)
  }

  private admitted(session: Session, { snapshot, states, key }: Extract<ControlMessage, { kind: 'admitted' }>): void {
    const { settle } = this
    if (snapshot.host !== this.hostId || !snapshot.seats.some((seat) => seat.peerId === this.network.peerId)) return
    if (this.control?.session !== session) this.control = this.openControl(session)
    this.end()
    settle?.resolve({ snapshot, states, entry: { peerId: this.hostId, ...this.control }, key })
  }

  private challenged(challenge: Extract<ControlMessage, { kind: 'challenge' }>): void {
    const { password } = this.application
    if (password === undefined) {
      this.fail(
        new AltostratusError('PASSWORD_REQUIRED', `The room ${this.code} asks for a password.`, { hint: 'Give it to join as `password`.' }),
      )
      return
    }
    const { backend, peerId } = this.network
    this.say(answerChallenge(backend, password, challenge, this.roomId, peerId, this.hostId))
  }

  private introduceSelf(session: Session): void {
    const { game, application } = this
    this.control = this.openControl(session)
    this.say({
      kind: 'join',
      game: game.name,
      protocol: game.protocol,
      profile: application.profile,
      spectator: application.spectator,
      ...(application.seat === undefined ? {} : { seat: application.seat }),
      ...this.proof(),
    })
  }

  private proof(): { readonly proof?: Uint8Array } {
    const { salt, hostId, roomId } = this
    const { password } = this.application
    if (salt === undefined || password === undefined) return {}
    const { backend, peerId } = this.network
    if (this.proved?.hostId !== hostId) this.proved = { hostId, proof: proveAtOnce(backend, password, salt, roomId, peerId, hostId) }
    return { proof: this.proved.proof }
  }

  private openControl(session: Session): Control {
    return { session, flow: session.openFlow({ metadata: pack([CONTROL_FLOW, this.roomId]), priority: CONTROL_PRIORITY }) }
  }

  private say(message: ControlMessage): void {
    this.control?.flow.write(encodeControl(message), this.network.clock.now())
    this.network.kick()
  }

  private reach(): void {
    const session = this.network.sessionWith(this.hostId)
    if (session?.state !== 'open') this.network.awaitSession(this.hostId, this.contacts.get(this.hostId))
    else if (this.control?.session !== session) this.introduceSelf(session)
  }

  /** The host may be gone, and another have taken its place. */
  private async tryAgain(): Promise<void> {
    const { clock } = this.network
    this.retry = clock.at(clock.now() + HOST_PATIENCE, () => void this.tryAgain())
    try {
      const { host, contacts } = await this.refresh()
      if (this.settle === undefined) return
      this.contacts = contacts ?? this.contacts
      // A session that has gone silent must not be taken for one that works.
      this.hostId = host
      // What was asked may have been lost with another session of that moment: the host does not mind to be asked again.
      this.control = undefined
      this.reach()
    } catch {
      // What is wrong with the introducer is not what the player waits for; the time-out tells.
    }
  }

  private giveUp(): void {
    this.fail(
      new AltostratusError(
        'PEER_UNREACHABLE',
        `The room ${this.code} was found, but not reached: no answer from its host ${this.hostId.slice(0, 8)} in ${this.application.timeout} ms.`,
        { hint: 'A firewall between the two may block UDP, or the other player has just gone. Try again.' },
      ),
    )
  }

  private fail(error: AltostratusError): void {
    const { settle } = this
    this.end()
    for (const { flow } of this.takeFlows()) flow.reject()
    settle?.reject(error)
  }

  private end(): void {
    this.timer.cancel()
    this.retry.cancel()
    this.settle = undefined
  }
}

function hintFor(code: string): { readonly hint?: string } {
  const hint = HINTS[code]
  return hint === undefined ? {} : { hint }
}

const HINTS: Readonly<Record<string, string>> = {
  ROOM_FULL: 'Wait until somebody leaves, or join as a spectator.',
  WRONG_PASSWORD: 'Ask for it again; upper and lower case differ.',
  RATE_LIMITED: 'Wait some seconds.',
  PROTOCOL_MISMATCH: 'Both have to have the same version of the game.',
}
