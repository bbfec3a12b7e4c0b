import { AltostratusError } from '../../base/errors.ts'
import { connect } from '../../room/connect.ts'
import { channel, game } from '../../room/definition.ts'
import type { Network } from '../../room/network.ts'
import { systemClock } from '../../link/clock.ts'
import { t } from '../../schema/t.ts'
import { RELAY_TIMEOUT } from './constants.ts'
import type { Way } from './findings.ts'

const relayGame = game('altostratus.doctor', { protocol: 1, channels: { echo: channel({ n: t.uint8 }) } })

/** Two players of this machine's own meet by the relay path alone and say something. @param url With the fingerprint, if there is one. */
export async function overRelay(url: string): Promise<Way> {
  const networks: Network[] = []
  const player = async (): Promise<Network> => {
    const network = await connect(url, { relay: 'always', timeout: RELAY_TIMEOUT })
    networks.push(network)
    return network
  }
  try {
    const [host, guest] = [await player(), await player()]
    const room = await host.create(relayGame, { capacity: 2 })
    room.channels.echo.on((message, from) => void room.channels.echo.send(message, from))
    const started = systemClock.now()
    const there = await guest.join(relayGame, { code: room.code, timeout: RELAY_TIMEOUT })
    const answered = new Promise<boolean>((resolve) => {
      const timer = systemClock.at(systemClock.now() + RELAY_TIMEOUT, () => resolve(false))
      there.channels.echo.on(() => {
        timer.cancel()
        resolve(true)
      })
    })
    there.channels.echo.send({ n: 1 })
    if (!(await answered)) return { reachable: false, problem: 'nothing came back through it' }
    return { reachable: true, milliseconds: systemClock.now() - started }
  } catch (error) {
    if (!(error instanceof AltostratusError)) throw error
    return { reachable: false, problem: error.message }
  } finally {
    await Promise.all(networks.map((network) => network.close()))
  }
}
