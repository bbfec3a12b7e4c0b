/** The process that brings two bots together: an introducer, which knows nothing of pong. */
import { createIntroducer } from 'altostratus/introducer'
import { obey, tell } from './bot-messages.ts'

const introducer = createIntroducer({ port: 0, host: '127.0.0.1' })
obey(
  async () => {},
  async () => (await introducer).close(),
)
introducer.then(
  ({ url }) => tell({ kind: 'listening', url }),
  (error: unknown) => tell({ kind: 'failed', message: (error as Error).message }),
)
