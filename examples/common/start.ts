import type { Wrong } from './arguments.ts'

interface Help {
  readonly kind: 'help'
}

const EXIT_USAGE = 2
/** How long what is left to be closed may keep the process. Milliseconds. */
const LINGER = 1_000

/** Does what the command line asks an example for, and ends the process. @param play Resolves to the exit status. */
export async function start<C extends { readonly kind: string }>(
  name: string,
  usage: string,
  command: C | Help | Wrong,
  play: (command: Exclude<C, Help | Wrong>) => Promise<number>,
): Promise<void> {
  process.exitCode = await run()
  setTimeout(() => process.exit(), LINGER).unref()

  async function run(): Promise<number> {
    switch (command.kind) {
      case 'help':
        console.log(usage)
        return 0
      case 'wrong':
        console.error(`${name}: ${(command as Wrong).why}\n\n${usage}`)
        return EXIT_USAGE
      default:
        return play(command as Exclude<C, Help | Wrong>)
    }
  }
}
