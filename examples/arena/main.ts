/** An arena for up to 16, in terminals and without, over RTMFP. `--help` tells how. */
import { playInTerminal, processIo } from '../common/play.ts'
import { start } from '../common/start.ts'
import { USAGE, parseArguments } from './arguments.ts'
import { playHeadless } from './headless.ts'
import { arenaGame } from './seat.ts'

await start('arena', USAGE, parseArguments(process.argv.slice(2)), (command) =>
  command.isHeadless ? playHeadless(arenaGame(command), command) : playInTerminal(arenaGame(command), command.player, processIo()),
)
