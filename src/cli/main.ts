#!/usr/bin/env node
import { DOCTOR_HELP, runDoctor } from './doctor.ts'
import { INTRODUCER_HELP, runIntroducer } from './introducer.ts'

const [command, ...args] = process.argv.slice(2)

if (command === 'introducer') process.exitCode = await runIntroducer(args)
else if (command === 'doctor') process.exitCode = await runDoctor(args)
else if (command === undefined || command === '--help' || command === 'help') process.stdout.write(`${INTRODUCER_HELP}\n${DOCTOR_HELP}`)
else {
  process.stderr.write(`There is no command ${JSON.stringify(command)}.\n\n${INTRODUCER_HELP}\n${DOCTOR_HELP}`)
  process.exitCode = 2
}
