/** Pong for two, in two terminals, over RTMFP; or for two bots. `--help` tells how. */
import { playInTerminal, processIo } from '../common/play.ts'
import { start } from '../common/start.ts'
import { USAGE, parseArguments } from './arguments.ts'
import { playBots } from './bots.ts'
import { PONG } from './table.ts'

await start('pong', USAGE, parseArguments(process.argv.slice(2)), (command) =>
  command.kind === 'bots' ? playBots(command) : playInTerminal(PONG, command, processIo()),
)
