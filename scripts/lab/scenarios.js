/** What may happen in the middle of a game. Each scenario has its own sites, and where it ends an introducer, its own introducer. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DIRECT_WITHIN, player } from './cell.js'
import { INTRODUCER, INTRODUCER_IPV6 } from './internet.js'
import { ip, runIn } from './system.js'

/** Numbered messages that each player sends to the other. */
const MESSAGES = 10_000
/** The network changes when so many have come. */
const MIDDLE = 3_000
/** Longest pause that a change of path may make. Milliseconds. */
const PAUSE = 1_000
/** How soon after the introducer's return relayed players hear each other again. Milliseconds. */
const RESTORED_WITHIN = 3_000
/** How long the introducer is gone. Milliseconds. */
const AWAY = 2_000
/** How long all messages may take. Milliseconds. */
const GAME = 60_000
const LOSS = 5
/** How long players on a local network may take to agree on who introduces. Milliseconds. */
const SUCCESSION = 8_000
const SECRET = 'the-treasure-is-under-the-old-oak'

const RUNS = {
  'game:flush-port': (context) => changed(context, ['port', 'port'], ({ b }) => b.flush()),
  'game:flush-symmetric': (context) => changed(context, ['none', 'symmetric'], ({ b }) => b.flush()),
  'game:flush-both': (context) => changed(context, ['port', 'full'], ({ a, b }) => a.flush(b)),
  'game:flush-relayed': (context) => changed(context, ['symmetric', 'symmetric'], ({ a, b }) => a.flush(b), 'relay'),
  'game:move-public': (context) => changed(context, ['port', 'none'], ({ b }) => b.changeAddress()),
  'game:move-home': (context) => changed(context, ['none', 'port'], ({ b }) => b.changeAddress()),
  'game:loss': lossy,
  'game:introducer-killed': introducerKilled,
  'game:relay-restored': relayRestored,
  'game:asleep': asleep,
  'game:secret': secret,
  'game:guarded': guarded,
  'ipv6:beside': (context) => byIpv6(context, ['symmetric', 'symmetric'], ['beside', 'beside'], 'direct'),
  'ipv6:alone': (context) => byIpv6(context, ['port', 'port'], ['alone', 'alone'], 'direct'),
  'ipv6:mixed': (context) => byIpv6(context, ['port', 'none'], ['alone', undefined], 'relay'),
  'mapped:pcp': (context) => mapped(context, 'pcp'),
  'mapped:upnp': (context) => mapped(context, 'upnp'),
  'lan:meet': (context) => onLan(context),
  'lan:successor': lanSuccessor,
  'lan:interface': lanInterface,
}

export const SCENARIOS = Object.keys(RUNS)

/** Runs a scenario. @returns `passed`, `text`, `problem` */
export async function runScenario(name, context) {
  const players = []
  try {
    const { text, problem } = await RUNS[name]({ ...context, name: name.replace(':', '-'), players })
    return { text, problem, passed: problem === undefined }
  } catch (error) {
    // How far the players came, and what they saw of each other.
    throw new Error([error.message, ...players.map(storyOf)].join('; '), { cause: error })
  } finally {
    await Promise.all(players.map((each) => each.stop()))
  }
}

function storyOf({ said }, i) {
  const events = said.filter(({ event }) => ['path', 'leave', 'counted', 'failed'].includes(event))
  return `${i === 0 ? 'host' : 'guest'}: ${events
    .slice(-6)
    .map(({ event, at, path, n, reason, code }) => `${event} ${path ?? n ?? reason ?? code} at ${Math.round(at)}`)
    .join(', ')}`
}

/** Two players who have met and are on the path that they should be on. */
async function meet({ internet, url, timeout, name, players }, [hostKind, guestKind], path = 'direct', options = {}) {
  const a = internet.site(`${name}-a`, hostKind)
  const b = internet.site(`${name}-b`, guestKind)
  const host = player(a, url, 'create', { options })
  players.push(host)
  const { code } = await host.event('in', timeout)
  const guest = player(b, url, code, { options })
  players.push(guest)
  await Promise.all([host, guest].map((each) => each.event('message', timeout)))
  await Promise.all([host, guest].map((each) => each.waitFor(({ path: now }) => now === path, timeout, `a ${path} path`)))
  return { a, b, host, guest }
}

/** Both send all their messages; in the middle something happens. */
async function play(game, middle = async () => {}) {
  const both = [game.host, game.guest]
  for (const each of both) each.tell({ command: 'send', to: MESSAGES })
  const counted = (n) =>
    Promise.all(both.map((each) => each.waitFor((record) => record.event === 'counted' && record.n >= n, GAME, `message ${n}`)))
  await counted(MIDDLE)
  await middle(game)
  await counted(MESSAGES)
  return Promise.all(both.map((each) => report(each)))
}

async function report(each) {
  each.tell({ command: 'report' })
  return each.event('report', 5_000)
}

function lostAnything(reports) {
  const bad = reports.find(({ count, wrong }) => wrong > 0 || count !== MESSAGES)
  return bad === undefined ? undefined : `${bad.count} of ${MESSAGES} messages, ${bad.wrong} out of order`
}

function hasLeft({ host, guest }) {
  return [host, guest].some(({ said }) => said.some(({ event, path }) => event === 'leave' || path === 'lost'))
    ? 'a player was taken for gone'
    : undefined
}

/** While nothing leads from one to the other, a player is away; but the seat is kept. */
function hasLostSeat({ host, guest }) {
  return [host, guest].some(({ said }) => said.some(({ event }) => event === 'leave')) ? 'a player has lost the seat' : undefined
}

/** Whoever was away is back, by the path that there was. */
function isNotBack({ host, guest }, path) {
  const stays = ({ said }) => {
    const last = (...names) => said.findLast(({ event }) => names.includes(event))
    return last('away', 'return')?.event !== 'away' && (last('path')?.path ?? path) === path
  }
  return [host, guest].every(stays) ? undefined : 'a player is still away for the other'
}

async function changed(context, kinds, change, path) {
  const game = await meet(context, kinds, path)
  const reports = await play(game, change)
  const pause = Math.max(...reports.map(({ longest }) => longest))
  const late = pause > PAUSE ? `a pause of ${Math.round(pause)} ms` : undefined
  return { text: `nothing lost, longest pause ${Math.round(pause)} ms`, problem: lostAnything(reports) ?? hasLeft(game) ?? late }
}

async function lossy(context) {
  const game = await meet(context, ['none', 'port'])
  game.b.lose(LOSS)
  const reports = await play(game)
  return { text: `nothing lost at ${LOSS} % loss each way`, problem: lostAnything(reports) ?? hasLeft(game) }
}

/** An introducer of the scenario's own that keeps its identity over restarts. */
async function ownIntroducer(context, port, work) {
  const folder = mkdtempSync(join(tmpdir(), 'altolab-'))
  try {
    const start = () => context.startIntroducer(['--port', String(port), '--identity', join(folder, 'identity')])
    return await work(start)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function introducerKilled(context) {
  return ownIntroducer(context, 2_935, async (start) => {
    const { program, url } = await start()
    const game = await meet({ ...context, url }, ['port', 'full'])
    const reports = await play(game, () => program.stop('SIGKILL'))
    const pause = Math.max(...reports.map(({ longest }) => longest))
    const late = pause > PAUSE ? `a pause of ${Math.round(pause)} ms` : undefined
    return {
      text: `a direct session goes on, longest pause ${Math.round(pause)} ms`,
      problem: lostAnything(reports) ?? hasLeft(game) ?? late,
    }
  })
}

function relayRestored(context) {
  return ownIntroducer(context, 3_935, async (start) => {
    const first = await start()
    const game = await meet({ ...context, url: first.url }, ['symmetric', 'port'], 'relay')
    let returned
    let second
    const reports = await play(game, async () => {
      await first.program.stop('SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, AWAY))
      second = await start()
      returned = Date.now()
    })
    // The first message after the pause.
    const restored = Math.max(...reports.map(({ longestEnded }) => longestEnded)) - returned
    await second.program.stop()
    const late = restored > RESTORED_WITHIN ? `restored after ${Math.round(restored)} ms, later than ${RESTORED_WITHIN}` : undefined
    return {
      text: `restored ${Math.round(restored)} ms after the introducer was back`,
      problem: lostAnything(reports) ?? hasLostSeat(game) ?? isNotBack(game, 'relay') ?? late,
    }
  })
}

/** Both are behind NATs that no hole can be punched through; the guest's router leads a port inwards, so that they meet straight all the same. */
async function mapped({ internet, url, timeout, name, players }, protocol) {
  const a = internet.site(`${name}-a`, 'symmetric')
  const b = internet.site(`${name}-b`, 'symmetric', { mapsPorts: true })
  const mapper = await b.mapPorts(protocol)
  try {
    const host = player(a, url, 'create')
    players.push(host)
    const { code } = await host.event('in', timeout)
    const guest = player(b, url, code, { options: { portMapping: true } })
    players.push(guest)
    await Promise.all([host, guest].map((each) => each.event('message', timeout)))
    await Promise.all([host, guest].map((each) => each.waitFor(({ path }) => path === 'direct', timeout, 'a direct path')))
    const during = b.mappedPorts
    await guest.stop()
    const problem =
      during.length !== 1 ? `${during.length} ports are mapped` : b.mappedPorts.length > 0 ? 'the port was not given back' : undefined
    return { text: 'straight, by a port of the router, which has it back', problem }
  } finally {
    await mapper.stop()
  }
}

/** Two players of one home meet with nothing but the cable between them. @param before what happens first @param options the guest's */
async function onLan({ internet, timeout, name, players }, before = async () => {}, options = {}) {
  const home = internet.site(name, 'port', { players: 3 })
  const seat = (number, what, more) => {
    const each = player(home, 'lan', what, { seat: number, options: more })
    players.push(each)
    return each
  }
  await before(seat, home)
  const host = seat(0, 'create')
  const { code } = await host.event('in', timeout)
  const after = await before(seat, home, host)
  const guest = seat(1, code, options)
  if (typeof after === 'function') await after(guest)
  const { after: met } = await guest.event('message', 2 * timeout)
  await host.event('message', timeout)
  // What answers first is where they begin, and that may be the one who introduces.
  const { after: direct } = await guest.waitFor(({ path }) => path === 'direct', timeout, 'a direct path')
  const problem =
    direct - met > DIRECT_WITHIN ? `direct ${Math.round(direct - met)} ms after they met, later than ${DIRECT_WITHIN}` : undefined
  return { text: 'they met, direct', problem }
}

/** Who introduces loses power: another one does, and the room is found as before. */
function lanSuccessor(context) {
  let first
  return onLan(context, async (seat, _home, host) => {
    if (host === undefined) {
      first = seat(2, 'create')
      await first.event('in', context.timeout)
      return
    }
    await first.stop('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, SUCCESSION))
  })
}

/** A player starts the game, sees nobody, and then plugs the cable in. */
function lanInterface(context) {
  return onLan(
    context,
    async (_seat, home, host) => {
      if (host === undefined) return undefined
      ip(home.clients[1], ['link set eth0 down'])
      return async (guest) => {
        await guest.event('connected', context.timeout)
        ip(home.clients[1], ['link set eth0 up'])
      }
    },
    { wait: SUCCESSION },
  )
}

/** How long a player's machine sleeps, how soon the other is told, and how soon it hears of the return. Milliseconds. */
const SLEEP = 12_000
const TOLD_WITHIN = 3_000
const BACK_WITHIN = 3_000

/** A player's machine sleeps in mid-game: the other is told, and both go on afterwards with nothing lost. */
async function asleep(context) {
  const game = await meet(context, ['port', 'full'])
  const { host, guest } = game
  const heard = (name) => host.waitFor(({ event }) => event === name, context.timeout, `'${name}'`)
  let told
  let back
  const reports = await play(game, async () => {
    guest.child.kill('SIGSTOP')
    const fell = performance.now()
    const slept = new Promise((resolve) => setTimeout(resolve, SLEEP))
    await heard('away')
    told = performance.now() - fell
    await slept
    guest.child.kill('SIGCONT')
    const woke = performance.now()
    await heard('return')
    back = performance.now() - woke
  })
  const late =
    told > TOLD_WITHIN
      ? `told after ${Math.round(told)} ms, later than ${TOLD_WITHIN}`
      : back > BACK_WITHIN
        ? `back after ${Math.round(back)} ms, later than ${BACK_WITHIN}`
        : undefined
  return {
    text: `away after ${Math.round(told)} ms, back ${Math.round(back)} ms after waking`,
    problem: lostAnything(reports) ?? hasLostSeat(game) ?? isNotBack(game, 'direct') ?? late,
  }
}

/** Players of whom some have IPv6, without NAT but behind a firewall; the introducer has both. @param path Where it has to come to */
async function byIpv6({ internet, timeout, name, players, startIntroducer }, kinds, ipv6, path) {
  const { program, url } = await startIntroducer(['--host', '::', '--port', '0', '--probe-port', 'off'])
  try {
    const sites = kinds.map((kind, i) => internet.site(`${name}-${i}`, kind, { ipv6: ipv6[i] }))
    const seat = (i, what) => {
      const each = player(sites[i], ipv6[i] === 'alone' ? url.replace(INTRODUCER, `[${INTRODUCER_IPV6}]`) : url, what)
      players.push(each)
      return each
    }
    const host = seat(0, 'create')
    const { code } = await host.event('in', timeout)
    const guest = seat(1, code)
    await Promise.all([host, guest].map((each) => each.event('message', timeout)))
    const { after } = await guest.waitFor((record) => record.path === path, timeout, `a ${path} path`)
    const late = after > DIRECT_WITHIN ? `${path} after ${Math.round(after)} ms, later than ${DIRECT_WITHIN}` : undefined
    const now =
      path === 'relay' && guest.said.some((record) => record.path === 'direct') ? 'a direct path that there can not be' : undefined
    return { text: `${path} ${Math.round(after)} ms`, problem: late ?? now }
  } finally {
    await program.stop()
  }
}

/** Who does not know a room's password is told by its host, and not a packet goes between the two straight; who does meets it straight. */
async function guarded({ internet, url, timeout, name, players }) {
  const a = internet.site(`${name}-a`, 'none')
  const b = internet.site(`${name}-b`, 'none')
  const count = b.count(a.address)
  const seat = (site, what, password) => {
    const each = player(site, url, what, { options: { password } })
    players.push(each)
    return each
  }
  const { code } = await seat(a, 'create', 'right').event('in', timeout)
  const refusals = []
  for (const password of ['wrong', undefined]) refusals.push((await seat(b, code, password).event('failed', timeout)).code)
  const before = count()
  const guest = seat(b, code, 'right')
  const { after: first } = await guest.event('message', timeout)
  await guest.waitFor(({ path }) => path === 'direct', timeout, 'a direct path')
  const problem =
    refusals.join() !== 'WRONG_PASSWORD,PASSWORD_REQUIRED'
      ? `refused by ${refusals.join()}`
      : before > 0
        ? `${before} packets went straight to or from who was refused`
        : count() === 0
          ? 'no packet was counted when they met'
          : undefined
  return { text: `refused by the relay path alone; then in, first message after ${Math.round(first)} ms`, problem }
}

/** What passes through the internet of the lab holds no word of what relayed players say; a word that is not encrypted is found. */
async function secret(context) {
  const { internet } = context
  const watch = await internet.watch(SECRET)
  const game = await meet(context, ['symmetric', 'symmetric'], 'relay')
  game.guest.tell({ command: 'say', text: SECRET })
  await game.host.waitFor(({ text }) => text === SECRET, context.timeout, 'the secret')
  const encrypted = await watch()
  runIn(game.a.clients[0], process.execPath, [
    '-e',
    `const s = require('dgram').createSocket('udp4'); s.send('${SECRET}', 9, '${INTRODUCER}', () => s.close())`,
  ])
  const plain = await watch((seen) => seen.hits > 0)
  const problem =
    encrypted.hits > 0
      ? 'it was there in plain text'
      : plain.hits === 0
        ? 'the watch finds nothing'
        : encrypted.frames === 0
          ? 'nothing passed'
          : undefined
  return { text: `not in ${encrypted.frames} frames`, problem }
}
