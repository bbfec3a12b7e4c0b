import type { Peer } from '../room/peer.ts'
import { AREA_MARGIN } from './constants.ts'
import type { EntityRecord } from './core/entity.ts'
import type { Engine, Kind } from './engine.ts'

/** Places are looked up in cells of this share of the widest radius. */
const EVERYTHING = -1

/** What each member is to know, and how much it counts: what kinds' `visibleTo`, `secret`, `area` and `relevance` say. */
export class Interest {
  private readonly engine: Engine
  /** Where members are: the places of what they own of kinds with an area. */
  private readonly viewpoints = new Map<number, (readonly number[])[]>()

  constructor(engine: Engine) {
    this.engine = engine
  }

  /** Before each round: finds out where everyone is. */
  prepare(): void {
    for (const places of this.viewpoints.values()) places.length = 0
    for (const kind of this.engine.kinds) {
      if (kind.options.area === undefined) continue
      for (const record of this.engine.world.byType[kind.type.index] ?? []) {
        const places = this.viewpoints.get(record.owner) ?? []
        places.push(placeOf(record, kind))
        this.viewpoints.set(record.owner, places)
      }
    }
  }

  /** Fields of an entity that a member may know, as bits; 0: it does not know of it. */
  fieldsFor(record: EntityRecord, order: number): number {
    const kind = this.engine.kinds[record.type.index] as Kind
    if (!kind.type.rules.isSelective) return EVERYTHING
    const peer = this.engine.memberOf(order)
    if (peer === undefined) return 0
    const { visibleTo, secret, area } = kind.options
    if (visibleTo?.(record.object as never, peer) === false) return 0
    if (area !== undefined && !this.passesOn(order) && !this.isNear(record, kind, order)) return 0
    if (secret === undefined) return EVERYTHING
    let fields = EVERYTHING
    for (const plan of kind.type.plans) {
      const rule = secret[plan.name] as ((entity: never, to: Peer) => boolean) | undefined
      if (rule?.(record.object as never, peer) === false) fields &= ~(1 << plan.bit)
    }
    // A kind whose fields are all secret is still known to be there.
    return fields === 0 ? 1 << 31 : fields
  }

  /** How much an entity counts for a member. */
  relevance(record: EntityRecord, order: number): number {
    const kind = this.engine.kinds[record.type.index] as Kind
    const { relevance, area } = kind.options
    const peer = this.engine.memberOf(order)
    const own = relevance === undefined || peer === undefined ? 1 : relevance(record.object as never, peer)
    if (area === undefined) return own
    const distance = this.distance(record, kind, order)
    return own * (distance === Infinity ? 1 : 1 / (0.1 + distance / area.radius))
  }

  /** Whether others get it by way of that member, who has to have it, wherever it is itself. */
  private passesOn(order: number): boolean {
    return this.engine.isStar && order === this.engine.host
  }

  private isNear(record: EntityRecord, kind: Kind, order: number): boolean {
    const { radius } = kind.options.area as { radius: number }
    const knows = record.slot >= 0 && this.engine.world.links.get(order)?.send.has(record.slot) === true
    return this.distance(record, kind, order) <= (knows ? radius * AREA_MARGIN : radius)
  }

  /** To the nearest of a member's places; one that has none yet sees nothing. */
  private distance(record: EntityRecord, kind: Kind, order: number): number {
    const here = placeOf(record, kind)
    let least = Infinity
    for (const place of this.viewpoints.get(order) ?? []) {
      let sum = 0
      for (let i = 0; i < here.length; i++) sum += ((here[i] as number) - (place[i] as number)) ** 2
      least = Math.min(least, sum)
    }
    return Math.sqrt(least)
  }
}

function placeOf(record: EntityRecord, kind: Kind): number[] {
  return kind.options.area?.axes.map((axis) => record.values[record.type.planOf(axis).bit] as number) ?? []
}
