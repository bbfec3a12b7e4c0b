/** docs/nat-matrix.md. */
import { release } from 'node:os'
import { expectedPath } from './cell.js'
import { tableMarkdown } from './matrix.js'

/** The page that shows what came out. */
export function page(results, { rtt }) {
  const failed = results.filter(({ passed }) => !passed)
  const direct = results.filter(({ name }) => expectedPath(...name.split('/')) === 'direct').length
  return `# Which players connect

<!-- Written by npm run lab -- --docs. -->

\`npm run lab\` builds these networks on one Linux machine: two players, each in a network namespace behind a NAT made of
nftables' rules, and an introducer, joined by a switch in user space that delays each frame so that a round trip takes ${rtt} ms between
any two of them; only the search for a router's Ethernet address takes no time, as it does not at home. The players are processes of their own that run the built package. Each cell tells how the two reached each
other, and the time from \`join\` to the first message, in milliseconds and in round trips. What the machine itself takes is part
of both: exact figures, in virtual time, are in the simulations.

Rows are the NAT of the player who made the room, columns that of the one who joined.

${tableMarkdown(results)}

${results.length} cells, ${failed.length} failed. ${direct} of them can be direct in theory, and are to be so within 2 seconds; the others go by the relay path: a
symmetric NAT with a symmetric or port-restricted one (a double NAT is two of these in a row), and whoever can send no UDP at all.

- **full cone**: anybody may answer to a port that a player has sent from
- **address-restricted cone**: only hosts that it has sent to
- **port-restricted cone**: only the very ports that it has sent to; so are most home routers
- **symmetric**: as before, and each destination sees another port (\`masquerade random,fully-random\`)
- **UDP blocked**: only TCP gets out
- **double NAT**: two port-restricted ones in a row, as behind a provider's NAT
- **same NAT**: both players in one home, behind a port-restricted NAT that leads packets for its own outer address back inside, or not

Besides, players with IPv6, which has no NAT but a firewall that lets nobody in unasked (RFC 6092): two who have it beside IPv4 behind symmetric
NATs, and two who have nothing else, are on a direct path within 2 seconds; one who has nothing else and one who does not have it are on the
relay path, by an introducer that has both.

Measured on Linux ${release()}, Node ${process.version}.
`
}
