import {
  Address,
  Driver,
  Endpoint,
  RFC7425_POLICY,
  createIdentity,
  defaultBackend,
  openDatagramLink,
  systemClock,
  systemRandom,
} from 'altostratus/rtmfp'
import type {
  EndpointConfig,
  EndpointEvent,
  IdentityOptions,
  KeyingPolicy,
  OpenOptions,
  ReceiveFlow,
  SendFlow,
  Session,
} from 'altostratus/rtmfp'

/** How one end is set up. */
export interface EndOptions {
  readonly identity?: Omit<IdentityOptions, 'backend' | 'random'>
  readonly policy?: Partial<KeyingPolicy>
  readonly amplificationLimit?: number
  readonly introduce?: NonNullable<EndpointConfig['introduce']>
}

/** An end of ours on a real socket, with all that has happened to it. */
export class End {
  readonly driver: Driver
  readonly address: Address
  readonly events: EndpointEvent[] = []
  private readonly waiting = new Set<() => void>()

  private constructor(endpoint: Endpoint, link: Awaited<ReturnType<typeof openDatagramLink>>) {
    this.driver = new Driver({ endpoint, link, clock: systemClock, onEvent: (event) => this.take(event) })
    this.address = link.addresses[0] as Address
  }

  static async open({ identity, policy, introduce, amplificationLimit = 3 }: EndOptions = {}): Promise<End> {
    const parts = { backend: defaultBackend, random: systemRandom }
    const endpoint = new Endpoint({
      ...parts,
      identity: createIdentity({ ...parts, ...identity }),
      policy: { ...RFC7425_POLICY, ...policy },
      amplificationLimit,
      ...(introduce === undefined ? {} : { introduce }),
    })
    return new End(endpoint, await openDatagramLink({ host: '127.0.0.1' }))
  }

  get endpoint(): Endpoint {
    return this.driver.endpoint
  }

  get messages(): { flow: ReceiveFlow; data: Uint8Array }[] {
    return this.events.filter((event) => event.type === 'message').map(({ flow, data }) => ({ flow, data }))
  }

  /** Opens a session and waits for it. */
  async connect(options: OpenOptions): Promise<Session> {
    const session = this.endpoint.open(options, this.driver.now())
    this.driver.kick()
    await this.until(() => session.state === 'open' || session.state === 'open-failed')
    if (session.state !== 'open') throw new Error(`the session did not open: ${JSON.stringify([...this.endpoint.stats.drops])}`)
    return session
  }

  /** Writes, as soon as there is room for it. */
  async write(flow: SendFlow, message: Uint8Array): Promise<void> {
    await this.until(() => flow.hasRoomFor(message.length))
    flow.write(message, this.driver.now())
    this.driver.kick()
  }

  /** Goes on from another socket. */
  async move(): Promise<void> {
    this.driver.replaceLink(await openDatagramLink({ host: '127.0.0.1' }))
  }

  async close(session: Session): Promise<void> {
    session.close(this.driver.now())
    this.driver.kick()
    await this.until(() => session.state === 'closed')
  }

  /** Waits until something that this end takes part in has come about. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return
        this.waiting.delete(check)
        clearInterval(timer)
        resolve()
      }
      // States change with no event, too.
      const timer = setInterval(check, 20)
      this.waiting.add(check)
      check()
    })
  }

  private take(event: EndpointEvent): void {
    this.events.push(event)
    for (const check of this.waiting) check()
  }
}
