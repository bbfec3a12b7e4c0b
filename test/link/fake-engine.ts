import { Address } from '../../src/base/address.ts'
import type { Engine } from '../../src/link/driver.ts'
import { OUTPUT_EVENT, OUTPUT_TRANSMIT, OUTPUT_WAIT } from '../../src/rtmfp/endpoint.ts'
import type { Output } from '../../src/rtmfp/endpoint.ts'
import type { EndpointEvent } from '../../src/rtmfp/session.ts'

export const ELSEWHERE: Address = Address.parse('192.0.2.1:1935')

/** An engine whose outputs the test lays out, and which keeps a record of its inputs. */
export class FakeEngine implements Engine {
  readonly received: { datagram: Uint8Array; from: Address; now: number }[] = []
  readonly polls: number[] = []
  aborts = 0
  deadline = Infinity
  /** Called with the time when a deadline has come. */
  onDeadline: (now: number) => void = () => {}
  onReceive: (datagram: Uint8Array) => void = () => {}
  onAbort: () => void = () => {}
  onPoll: () => void = () => {}
  private readonly outputs: (Uint8Array | EndpointEvent)[] = []
  private readonly buffer = new Uint8Array(16)
  private readonly output: Output = { kind: OUTPUT_WAIT, datagram: this.buffer, to: undefined, event: undefined, until: Infinity }

  transmit(...bytes: number[]): void {
    this.outputs.push(Uint8Array.from(bytes))
  }

  /** An event that is told from others by its number. */
  emit(number: number): void {
    this.outputs.push({ type: 'test', number } as unknown as EndpointEvent)
  }

  receive(datagram: Uint8Array, from: Address, now: number): void {
    this.received.push({ datagram, from, now })
    this.onReceive(datagram)
  }

  readonly moves: number[] = []

  nearAddressChanged(now: number): void {
    this.moves.push(now)
  }

  abortAll(): void {
    this.aborts++
    this.onAbort()
  }

  poll(now: number): Output {
    this.polls.push(now)
    this.onPoll()
    if (this.deadline <= now) {
      this.deadline = Infinity
      this.onDeadline(now)
    }
    // As the real one does: a view of one buffer, good until the next call.
    this.buffer.fill(0xee)
    const next = this.outputs.shift()
    const { output } = this
    if (next === undefined) {
      output.kind = OUTPUT_WAIT
      output.until = this.deadline
    } else if (next instanceof Uint8Array) {
      this.buffer.set(next)
      output.kind = OUTPUT_TRANSMIT
      output.datagram = this.buffer.subarray(0, next.length)
      output.to = ELSEWHERE
    } else {
      output.kind = OUTPUT_EVENT
      output.event = next
    }
    return output
  }
}
