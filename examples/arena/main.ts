/** An arena for up to 16, in terminals and without, over RTMFP. `--help` tells how. */
import { playInTerminal, processIo } from '../common/play.ts'
import { USAGE, parseArguments } from './arguments.ts'
import type { Command } from './arguments.ts'
import { playHeadless } from './headless.ts'
import { arenaGame } from './seat.ts'

const EXIT_USAGE = 2
/** How long what is left to be closed may keep the process. Milliseconds. */
const LINGER = 1_000

process.exitCode = await run(parseArguments(process.argv.slice(2)))
setTimeout(() => process.exit(), LINGER).unref()

async function run(command: Command): Promise<number> {
  switch (command.kind) {
    case 'help':
      console.log(USAGE)
      return 0
    case 'wrong':
      console.error(`arena: ${command.why}\n\n${USAGE}`)
      return EXIT_USAGE
    case 'play':
      return command.isHeadless
        ? playHeadless(arenaGame(command), command)
        : playInTerminal(arenaGame(command), command.player, processIo())
  }
}
