import type { Findings, Quality, Way } from './findings.ts'
import type { Verdict } from './verdict.ts'

const LABEL = 16
const PERCENT = 100

/** The findings and the verdict for a person. */
export function reportText(findings: Findings, verdict: Verdict): string {
  const { udp, ipv6, hasIpv6, webSocket, relay, nat, quality } = findings
  const lines: [string, string][] = [
    ['introducer', `${findings.url} (${findings.addresses.join(', ')})`],
    ['UDP', wayText(udp)],
    ['IPv6', ipv6 === undefined ? `the introducer has no IPv6 address; this machine has ${hasIpv6 ? 'one' : 'none'}` : wayText(ipv6)],
  ]
  if (webSocket !== undefined) lines.push(['WebSocket', wayText(webSocket)])
  if (relay !== undefined) lines.push(['relay path', wayText(relay)])
  lines.push(['NAT', verdict.kind])
  if (nat !== undefined) {
    lines.push(['  mapping', `${nat.mapping} (RFC 5780)`], ['  filtering', `${nat.filtering} (RFC 5780)`])
    lines.push(['  seen as', `${nat.observed}${nat.translated ? '' : ', this machine’s own'}`], ['  hairpin', nat.hairpin ? 'yes' : 'no'])
  }
  if (quality !== undefined) lines.push(...qualityLines(quality))
  const table = lines.map(([label, text]) => `${label.padEnd(LABEL)}${text}`)
  return `${[...table, '', ...verdict.advice, ...findings.notes].join('\n')}\n`
}

function wayText({ reachable, milliseconds, problem }: Way): string {
  return reachable ? `yes, in ${Math.round(milliseconds ?? 0)} ms` : `no: ${problem ?? 'no answer'}`
}

function qualityLines({ rtt, jitter, loss, probes, mtu, clockOffset }: Quality): [string, string][] {
  const ms = (value: number): string => (value < 10 ? value.toFixed(1) : String(Math.round(value)))
  return [
    ['round trip', `${ms(rtt.mean)} ms (${ms(rtt.least)} to ${ms(rtt.most)})`],
    ['jitter', `${ms(jitter)} ms`],
    ['loss', `${(loss * PERCENT).toFixed(0)} % of ${probes}`],
    ['packet size', mtu === 0 ? 'not known' : `up to ${mtu} bytes`],
    ['clock', clockOffset === undefined ? 'not known' : `${Math.round(clockOffset)} ms from the introducer’s`],
  ]
}
