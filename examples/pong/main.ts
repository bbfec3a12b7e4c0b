/** Pong for two, in two terminals, over RTMFP; or for two bots. `--help` tells how. */
import { playInTerminal, processIo } from '../common/play.ts'
import { USAGE, parseArguments } from './arguments.ts'
import type { Command } from './arguments.ts'
import { playBots } from './bots.ts'
import { PONG } from './table.ts'

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
      console.error(`pong: ${command.why}\n\n${USAGE}`)
      return EXIT_USAGE
    case 'bots':
      return playBots(command)
    case 'create':
    case 'join':
    case 'lan':
      return playInTerminal(PONG, command, processIo())
  }
}
