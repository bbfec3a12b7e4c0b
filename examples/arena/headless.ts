import type { Example, Meeting } from '../common/meeting.ts'
import { explain, meet } from '../common/meeting.ts'
import { TICKS_PER_SECOND, everyTick } from '../common/pace.ts'
import { farewell } from '../common/play.ts'
import type { ArenaCommand } from './arguments.ts'
import { Bot } from './bot.ts'
import { Bots, systemChance } from './bots.ts'
import type { arena } from './definition.ts'
import { Player } from './player.ts'
import { reportOf } from './report.ts'

/** How often a line is printed. Ticks. */
const REPORT_EVERY = TICKS_PER_SECOND
/** Signals that end it in order, with the exit codes that shells give them. */
const SIGNALS: Readonly<Record<string, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }

/** Plays without a screen, and prints a line of JSON each second. @returns The exit code. */
export async function playHeadless(
  example: Example<typeof arena>,
  { player: command, bots: count, seconds }: ArenaCommand,
): Promise<number> {
  const bots = new Bots()
  let meeting: Promise<Meeting<typeof arena>> | undefined
  try {
    const stopped = new Promise<number>((resolve) => {
      for (const [signal, exitCode] of Object.entries(SIGNALS)) process.on(signal, () => resolve(exitCode))
    })
    meeting = meet(example, command)
    const met = await Promise.race([meeting, stopped])
    if (typeof met === 'number') return met
    const joining = bots.join(met, count).catch((error: unknown) => console.error(explain(error, example, command)))
    const exitCode = await Promise.race([stopped, run(met, bots, seconds)])
    await Promise.race([joining, bots.end()])
    return exitCode
  } catch (error) {
    console.error(explain(error, example, command))
    return 1
  } finally {
    await farewell(meeting)
  }
}

/** Resolves to the exit code when the time is over, or the room is closed. */
function run({ room }: Meeting<typeof arena>, bots: Bots, seconds: number): Promise<number> {
  const bot = new Bot(new Player(room, systemChance()), systemChance())
  let ticks = 0
  return new Promise((resolve) => {
    const end = everyTick(() => {
      bot.tick(1 / TICKS_PER_SECOND)
      bots.tick(1 / TICKS_PER_SECOND)
      if (ticks++ % REPORT_EVERY === 0) console.log(JSON.stringify(reportOf(room, ticks / TICKS_PER_SECOND)))
      if (ticks < seconds * TICKS_PER_SECOND) return
      end()
      bot.player.end()
      resolve(0)
    })
    room.on('closed', (reason, explanation) => {
      if (reason === 'left') return
      end()
      console.error(`arena: ${explanation}`)
      resolve(1)
    })
  })
}
