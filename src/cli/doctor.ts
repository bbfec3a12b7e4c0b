import { parseArgs } from 'node:util'
import { AltostratusError } from '../base/errors.ts'
import { parseIntroducerUrl } from '../introducer/url.ts'
import { examine } from './doctor/examine.ts'
import { reportText } from './doctor/report.ts'
import { verdictOf } from './doctor/verdict.ts'

/** What `altostratus doctor --help` prints. */
export const DOCTOR_HELP: string = `usage: altostratus doctor rtmfp://HOST [--json]

Looks at the way from this machine to an introducer, and at the NAT in between: who can be played with from here,
how well, and what to do about it. Takes some seconds; what it does meanwhile goes to standard error.

  --json           the findings as one JSON object, instead of text
  --quiet          says nothing of what it is doing
  --help           this text

Exit status: 0 when one can play from here, 1 when not, 2 when the command line is wrong.
`

/** Exit status of a wrong command line, and of a place from which one can't play. */
const USAGE = 2
const CAN_NOT_PLAY = 1

/** Runs `altostratus doctor`. @returns The exit status */
export async function runDoctor(args: readonly string[]): Promise<number> {
  let settings: Settings | undefined
  try {
    settings = parse(args)
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${DOCTOR_HELP}`)
    return USAGE
  }
  if (settings === undefined) {
    process.stdout.write(DOCTOR_HELP)
    return 0
  }
  const { url, json, quiet } = settings
  try {
    const findings = await examine(url, (step) => quiet || process.stderr.write(`… ${step}\n`))
    const verdict = verdictOf(findings)
    process.stdout.write(json ? `${JSON.stringify({ ...findings, verdict })}\n` : reportText(findings, verdict))
    return verdict.canPlay ? 0 : CAN_NOT_PLAY
  } catch (error) {
    if (!(error instanceof AltostratusError)) throw error
    if (json) process.stdout.write(`${JSON.stringify({ url, error: { code: error.code, message: error.message } })}\n`)
    else process.stderr.write(`${error.message}\n`)
    return CAN_NOT_PLAY
  }
}

interface Settings {
  readonly url: string
  readonly json: boolean
  readonly quiet: boolean
}

/** @returns `undefined` when help was asked for. */
function parse(args: readonly string[]): Settings | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      quiet: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const [url, ...more] = positionals
  if (url === undefined) throw new Error('Say which introducer: rtmfp://HOST.')
  if (more.length > 0) throw new Error(`One introducer at a time; what is ${more.join(' ')}?`)
  parseIntroducerUrl(url)
  return { url, json: values.json, quiet: values.quiet }
}
