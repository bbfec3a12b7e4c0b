import type { Session } from './session.ts'

const NONE: readonly Session[] = []

/** An endpoint's sessions by something that they seldom share, such as the far end's address: start-up must not look through all of them. */
export class SessionIndex {
  private readonly entries = new Map<string, Session | Session[]>()

  /** The sessions with the key. */
  get(key: string): readonly Session[] {
    const entry = this.entries.get(key)
    if (entry === undefined) return NONE
    return Array.isArray(entry) ? entry : [entry]
  }

  add(key: string, session: Session): void {
    const entry = this.entries.get(key)
    if (entry === undefined) this.entries.set(key, session)
    else if (Array.isArray(entry)) entry.push(session)
    else this.entries.set(key, [entry, session])
  }

  remove(key: string, session: Session): void {
    const entry = this.entries.get(key)
    if (entry === session) this.entries.delete(key)
    else if (Array.isArray(entry)) {
      const rest = entry.filter((other) => other !== session)
      if (rest.length === 1) this.entries.set(key, rest[0] as Session)
      else this.entries.set(key, rest)
    }
  }
}
