import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { startProcess } from '../ends/remote.js'

const HUB = fileURLToPath(new URL('hub.js', import.meta.url))
const PREFIX = 'abench'

/**
 * Makes links between network namespaces, with delay, loss and a bottleneck in user space: there is no need of `tc netem`, which not every
 * kernel has. Takes root and iproute2.
 * @param links How many.
 * @param hosts How many hosts each link joins.
 * @throws Error that says what is missing
 */
export async function emulateNetwork({ links, hosts = 2 }) {
  removeStale()
  const places = []
  for (let link = 0; link < links; link++) {
    for (let host = 1; host <= hosts; host++) {
      const name = `${PREFIX}-${process.pid}-${link}-${host}`
      places.push({ link, host, namespace: name, tun: `ab${process.pid.toString(36)}x${link}x${host}`, address: `10.0.${link}.${host}` })
    }
  }
  const hub = startProcess(HUB)
  process.on('exit', close)
  try {
    ip(places.map(({ namespace }) => `netns add ${namespace}`))
    await hub.call('start', { hosts: places.map(({ tun, link, host }) => ({ tun, link, host })) })
    ip(places.map(({ tun, namespace }) => `link set ${tun} netns ${namespace}`))
    for (const { namespace, tun, address } of places) {
      ip([`addr add ${address}/24 dev ${tun}`, `link set ${tun} up`, 'link set lo up'], namespace)
    }
  } catch (error) {
    close()
    throw error
  }

  function close() {
    process.off('exit', close)
    hub.stop()
    removeNamespaces(places.map(({ namespace }) => namespace))
  }

  return {
    /** The namespace and the address of a host, 1 and up, on a link, 0 and up. */
    place(link, host) {
      const { namespace, address } = places.find((place) => place.link === link && place.host === host)
      return { namespace, host: address }
    },
    /** Sets what a link does: `{ delay, loss, rate, queue, seed }`, see link.js. */
    setConditions: (link, conditions) => hub.call('conditions', { link, seed: 1, ...conditions }),
    stats: (link, from, to) => hub.call('stats', { link, from, to }),
    lateness: () => hub.call('lateness'),
    close,
  }
}

/** Why networks can not be emulated here; `undefined` if they can, as far as that is to be seen. */
export function whyNoNetwork() {
  if (process.platform !== 'linux') return 'it needs network namespaces, which only Linux has'
  if (process.getuid() !== 0) return 'it needs root, to make network namespaces'
  try {
    execFileSync('ip', ['-Version'], { stdio: 'ignore' })
  } catch {
    return 'it needs the command ip (Debian: apt-get install iproute2)'
  }
  try {
    import.meta.resolve('koffi')
  } catch {
    return 'its dependencies are not installed: npm ci --prefix benchmarks'
  }
  return undefined
}

/** Commands of `ip`, many at a time. */
function ip(lines, namespace) {
  const inside = namespace === undefined ? [] : ['-netns', namespace]
  try {
    execFileSync('ip', [...inside, '-batch', '-'], { input: `${lines.join('\n')}\n`, stdio: ['pipe', 'ignore', 'pipe'] })
  } catch (error) {
    throw new Error(`ip failed: ${error.stderr?.toString().trim() ?? error.message}`, { cause: error })
  }
}

/** Namespaces of runs that were killed. */
function removeStale() {
  const names = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split('\n')
  removeNamespaces(
    names.map((line) => line.split(' ')[0]).filter((name) => name.startsWith(`${PREFIX}-`) && !isAlive(Number(name.split('-')[1]))),
  )
}

function removeNamespaces(names) {
  for (const name of names) {
    try {
      execFileSync('ip', ['netns', 'delete', name], { stdio: 'ignore' })
    } catch {
      // It was not made, or is gone.
    }
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
