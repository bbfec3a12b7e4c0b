import { AppendixAController } from './congestion.ts'
import type { CongestionController } from './congestion.ts'
import { DelayAwareController } from './delay-aware.ts'

/**
 * How a session decides what may be in flight. `delay-aware`: keeps the queues of the path short, and shares with TCP where it must; `appendix-a`:
 * RFC 7016 Appendix A to the letter, which fills queues until packets are lost. docs/congestion.md compares them.
 */
export type CongestionAlgorithm = 'delay-aware' | 'appendix-a'

/** The one that is used unless told. */
export const DEFAULT_CONGESTION: CongestionAlgorithm = 'delay-aware'

export function createController(algorithm: CongestionAlgorithm, segment: number): CongestionController {
  return algorithm === 'appendix-a' ? new AppendixAController(segment) : new DelayAwareController(segment)
}
