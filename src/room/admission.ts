import { EMPTY, equalBytes, fromHex, utf8 } from '../base/bytes.ts'
import { randomBytes } from '../base/random.ts'
import type { Random } from '../base/random.ts'
import type { CryptoBackend } from '../crypto/backend.ts'
import { passwordProof, passwordVerifier } from '../crypto/password.ts'
import { TokenBucket } from '../introducer/token-bucket.ts'
import { APPLICATION_TIME, MAX_APPLICANTS, PASSWORDS_PER_SECOND, PASSWORD_BURST, PASSWORD_TRIES } from './constants.ts'
import type { Membership, Seat } from './membership.ts'
import type { ControlMessage } from './messages.ts'

type Join = Extract<ControlMessage, { kind: 'join' }>

/** What is to be said to one who wants to come in; or its seat. */
export type Verdict =
  Extract<ControlMessage, { kind: 'refused' | 'challenge' }> | { readonly kind: 'seat'; readonly seat: Seat; readonly isNew: boolean }

interface Applicant {
  readonly join: Join
  readonly nonce: Uint8Array
  readonly until: number
}

const NONCE_LENGTH = 16

/** Decides who gets into a room; at its host. */
export class Admissions {
  private readonly applicants = new Map<string, Applicant>()
  private readonly backend: CryptoBackend
  private readonly random: Random
  private readonly game: { readonly name: string; readonly protocol: number }
  private readonly roomId: string
  private readonly hostId: string
  /** Of everybody together: a peer ID costs nothing. */
  private readonly guesses: TokenBucket
  private readonly guessesOf = new Map<string, TokenBucket>()

  constructor(
    parts: { readonly backend: CryptoBackend; readonly random: Random },
    game: { readonly name: string; readonly protocol: number },
    roomId: string,
    hostId: string,
    now: number,
  ) {
    this.backend = parts.backend
    this.random = parts.random
    this.game = game
    this.roomId = roomId
    this.hostId = hostId
    this.guesses = new TokenBucket(PASSWORD_BURST, PASSWORDS_PER_SECOND, now)
  }

  /** Whether an application is under way. */
  isApplicant(peerId: string): boolean {
    return this.applicants.has(peerId)
  }

  /** A peer asks for a seat. */
  join(peerId: string, join: Join, membership: Membership, now: number): Verdict {
    this.expire(now)
    const { rules } = membership
    if (join.game !== this.game.name) return refused('GAME_MISMATCH', 'The room is of another game.')
    if (join.protocol !== this.game.protocol) {
      return refused('PROTOCOL_MISMATCH', `The room speaks protocol ${this.game.protocol} of the game, this player ${join.protocol}.`)
    }
    if (rules.bans.includes(peerId)) return refused('BANNED', 'The host of the room does not let this player in any more.')
    const seat = membership.seat(peerId)
    if (seat !== undefined) return { kind: 'seat', seat, isNew: false }
    const isReserved = keyOf(peerId, join, rules.reserved) !== undefined
    if (rules.isLocked && !isReserved) return refused('ROOM_LOCKED', 'The room is locked: nobody new gets in.')
    const full = this.fullness(join, isReserved, membership)
    if (full !== undefined) return full
    if (rules.password === undefined || isReserved) return this.seat(peerId, join, membership)
    if (join.proof !== undefined) return this.judge(peerId, join, join.proof, EMPTY, membership, now)
    if (this.applicants.size >= MAX_APPLICANTS) return refused('RATE_LIMITED', 'Too many want to come in at the moment.')
    const nonce = randomBytes(this.random, NONCE_LENGTH)
    this.applicants.set(peerId, { join, nonce, until: now + APPLICATION_TIME })
    return { kind: 'challenge', salt: rules.password.salt, nonce }
  }

  /** A newcomer proves that it knows the password. */
  prove(peerId: string, proof: Uint8Array, membership: Membership, now: number): Verdict | undefined {
    const applicant = this.applicants.get(peerId)
    if (applicant === undefined || now > applicant.until) return undefined
    this.applicants.delete(peerId)
    return this.judge(peerId, applicant.join, proof, applicant.nonce, membership, now)
  }

  private judge(peerId: string, join: Join, proof: Uint8Array, nonce: Uint8Array, membership: Membership, now: number): Verdict {
    const { password, isLocked } = membership.rules
    if (!this.mayGuess(peerId, now)) return refused('RATE_LIMITED', 'Too many passwords were tried.')
    if (password !== undefined && !equalBytes(proof, this.expected(password.verifier, peerId, nonce)))
      return refused('WRONG_PASSWORD', 'That is not the password of the room.')
    // A right one costs nothing; that it does not get through when there are too many wrong ones is what limits guessing.
    for (const guesses of [this.guesses, this.guessesOf.get(peerId)]) guesses?.giveBack()
    // What has changed while the player was typing.
    const full = this.fullness(join, false, membership)
    if (full !== undefined) return full
    if (isLocked) return refused('ROOM_LOCKED', 'The room is locked: nobody new gets in.')
    return this.seat(peerId, join, membership)
  }

  /** The peer is gone, or in. */
  forget(peerId: string): void {
    this.applicants.delete(peerId)
  }

  private mayGuess(peerId: string, now: number): boolean {
    let own = this.guessesOf.get(peerId)
    if (own === undefined) {
      own = new TokenBucket(PASSWORD_TRIES, PASSWORDS_PER_SECOND / PASSWORD_BURST, now)
      const [oldest] = this.guessesOf.keys()
      if (this.guessesOf.size >= MAX_APPLICANTS) this.guessesOf.delete(oldest as string)
      this.guessesOf.set(peerId, own)
    }
    return own.take(now) && this.guesses.take(now)
  }

  private seat(peerId: string, { profile, spectator }: Join, membership: Membership): Verdict {
    return { kind: 'seat', isNew: true, seat: { peerId, order: membership.nextOrder, profile, isSpectator: spectator, isAway: false } }
  }

  private fullness({ spectator }: Join, isReserved: boolean, membership: Membership): Verdict | undefined {
    const { rules, players, size } = membership
    if (spectator) {
      return size - players < rules.spectators ? undefined : refused('ROOM_FULL', `The room has its ${rules.spectators} spectators.`)
    }
    const kept = isReserved ? 0 : rules.reserved.length
    if (players + kept < rules.capacity) return undefined
    const reserved = kept === 0 ? '' : `, ${kept} of them kept for others`
    return refused('ROOM_FULL', `The room is full (${rules.capacity}${reserved}).`)
  }

  private expected(verifier: Uint8Array, peerId: string, nonce: Uint8Array): Uint8Array {
    return roomProof(this.backend, verifier, this.roomId, peerId, this.hostId, nonce)
  }

  private expire(now: number): void {
    for (const [peerId, { until }] of this.applicants) if (now > until) this.applicants.delete(peerId)
  }
}

/** The key in a room's list of reservations by which a newcomer has a seat. */
export function keyOf(peerId: string, { seat }: { readonly seat?: string }, reserved: readonly string[]): string | undefined {
  return reserved.find((key) => key === peerId || key === seat)
}

/** What a newcomer answers a challenge with. */
export function answerChallenge(
  backend: CryptoBackend,
  password: string,
  { salt, nonce }: Omit<Extract<ControlMessage, { kind: 'challenge' }>, 'kind'>,
  roomId: string,
  peerId: string,
  hostId: string,
): Extract<ControlMessage, { kind: 'proof' }> {
  return { kind: 'proof', proof: roomProof(backend, passwordVerifier(password, salt), roomId, peerId, hostId, nonce) }
}

/** What a newcomer that knows the salt says with its request, without being asked. */
export function proveAtOnce(
  backend: CryptoBackend,
  password: string,
  salt: Uint8Array,
  roomId: string,
  peerId: string,
  hostId: string,
): Uint8Array {
  return answerChallenge(backend, password, { salt, nonce: EMPTY }, roomId, peerId, hostId).proof
}

/** Good for one newcomer, who is known by its key, at one host: who is shown it can do nothing with it elsewhere. */
function roomProof(
  backend: CryptoBackend,
  verifier: Uint8Array,
  roomId: string,
  peerId: string,
  hostId: string,
  nonce: Uint8Array,
): Uint8Array {
  return passwordProof(backend, verifier, [utf8(roomId), fromHex(peerId), fromHex(hostId), nonce])
}

function refused(code: string, message: string): Verdict {
  return { kind: 'refused', code, message }
}
