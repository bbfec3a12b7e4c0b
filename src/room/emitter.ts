import { EventEmitter } from 'eventemitter3'

type Listener = (...args: unknown[]) => void

/** Listeners by event; what one of them throws keeps neither the others nor the run loop from going on. */
export class SafeEmitter<Events extends Record<keyof Events, (...args: never[]) => void>> {
  private readonly emitter = new EventEmitter()
  private readonly onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.onError = onError
  }

  /** @returns What ends it. */
  on<K extends keyof Events & string>(event: K, listener: Events[K]): () => void {
    this.emitter.on(event, listener as unknown as Listener)
    return () => void this.emitter.off(event, listener as unknown as Listener)
  }

  emit<K extends keyof Events & string>(event: K, ...args: Parameters<Events[K]>): void {
    for (const listener of this.emitter.listeners(event)) {
      try {
        listener(...args)
      } catch (error) {
        this.onError(error)
      }
    }
  }
}
