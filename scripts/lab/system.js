/** What the lab needs of the system: root, `ip`, `nft`, `conntrack`; and network namespaces that are gone afterwards, come what may. */
import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

/** Debian's package of each program. */
const PACKAGES = {
  ip: 'iproute2',
  nft: 'nftables',
  conntrack: 'conntrack',
  ethtool: 'ethtool',
  nsenter: 'util-linux',
  miniupnpd: 'miniupnpd-nftables',
}
/** All namespaces of ours begin so, then comes the process that made them. */
const PREFIX = 'altolab'
const NAMESPACES = '/run/netns'
const OURS = new RegExp(`^${PREFIX}-(\\d+)-`)

/** Why there can be no lab here, in words that say what to do; `undefined` when there can. */
export function obstacle() {
  if (process.platform !== 'linux') return 'the lab needs Linux: it is made of network namespaces.'
  if (process.getuid() !== 0) return 'the lab needs root, to make network namespaces: run it as root, or with sudo.'
  const missing = Object.keys(PACKAGES).filter((name) => spawnSync('sh', ['-c', `PATH=$PATH:/usr/sbin command -v ${name}`]).status !== 0)
  if (missing.length > 0)
    return `missing: ${missing.join(', ')}. Install: apt-get install ${missing.map((name) => PACKAGES[name]).join(' ')}`
  const probe = namespaceName('probe')
  const made = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' })
  spawnSync('ip', ['netns', 'delete', probe])
  return made.status === 0 ? undefined : `this machine allows no network namespaces: ${made.stderr.trim()}`
}

/** The whole name of a namespace of this run. */
export function namespaceName(name) {
  return `${PREFIX}-${process.pid}-${name}`
}

/** Namespaces of runs that were killed before they could clean up; those of runs that live are left alone. */
export function leftovers() {
  if (!existsSync(NAMESPACES)) return []
  return readdirSync(NAMESPACES).filter((name) => {
    const pid = OURS.exec(name)?.[1]
    return pid !== undefined && !isAlive(Number(pid))
  })
}

/** Ends the namespaces, and the processes that a killed run has left in them. */
export function removeNamespaces(names) {
  for (const name of names) {
    const { stdout } = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' })
    for (const pid of stdout.split('\n').filter((line) => line !== '')) kill(Number(pid))
    spawnSync('ip', ['netns', 'delete', name])
  }
}

/** All namespaces of this run that are there. */
export function ownNamespaces() {
  const own = namespaceName('')
  return existsSync(NAMESPACES) ? readdirSync(NAMESPACES).filter((name) => name.startsWith(own)) : []
}

/** Runs lines of `ip -batch` in a namespace, or in this one. @throws with what ip said */
export function ip(namespace, lines) {
  const where = namespace === undefined ? [] : ['-n', namespace]
  const { status, stderr } = spawnSync('ip', [...where, '-batch', '-'], { input: lines.join('\n'), encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip: ${stderr.trim()} in\n${lines.join('\n')}`)
}

/** Runs a program in a namespace to its end. @returns What it said. @throws with what it said when it fails */
export function runIn(namespace, command, args, input = '') {
  return execFileSync('nsenter', [`--net=${NAMESPACES}/${namespace}`, command, ...args], {
    input,
    stdio: ['pipe', 'pipe', 'pipe'],
    encoding: 'utf8',
  })
}

/** The same while others run: how long a program takes to start must not be what a scenario is about. */
export async function runBeside(namespace, command, args) {
  await promisify(execFile)('nsenter', [`--net=${NAMESPACES}/${namespace}`, command, ...args])
}

const running = new Set()

/** A program in a namespace that says a line of JSON for each thing that happens. */
export class Program {
  constructor(namespace, command, args) {
    this.child = spawn('nsenter', [`--net=${NAMESPACES}/${namespace}`, command, ...args], { stdio: 'pipe' })
    this.said = []
    this.errors = ''
    this.waiting = []
    running.add(this)
    createInterface({ input: this.child.stdout }).on('line', (line) => this.take(line))
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.errors += text))
    this.child.stdin.on('error', () => {})
    this.ended = once(this.child, 'close').then(() => {
      running.delete(this)
      for (const { reject } of this.waiting.splice(0)) reject(this.failure('the program ended'))
    })
  }

  /** Tells it something. */
  tell(message) {
    this.child.stdin.write(`${JSON.stringify(message)}\n`)
  }

  /** The first line, of those said so far or to come, that is as wanted. @throws when the program ends or the time is over */
  waitFor(isWanted, timeout, what = 'what was waited for') {
    const found = this.said.find(isWanted)
    if (found !== undefined) return Promise.resolve(found)
    return new Promise((resolve, reject) => {
      const waiter = { isWanted, resolve, reject }
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(waiter), 1)
        reject(this.failure(`${what} had not come after ${timeout} ms`))
      }, timeout)
      waiter.resolve = (record) => (clearTimeout(timer), resolve(record))
      waiter.reject = (error) => (clearTimeout(timer), reject(error))
      this.waiting.push(waiter)
    })
  }

  /** The event of this name; `failed` is waited for as well, and thrown. */
  async event(name, timeout) {
    const record = await this.waitFor(({ event }) => event === name || event === 'failed', timeout, `'${name}'`)
    if (record.event === 'failed' && name !== 'failed') throw Object.assign(new Error(record.message), { code: record.code })
    return record
  }

  async stop(signal = 'SIGTERM', patience = 3_000) {
    if (!running.has(this)) return
    this.child.kill(signal)
    const timer = setTimeout(() => this.child.kill('SIGKILL'), patience)
    await this.ended
    clearTimeout(timer)
  }

  take(line) {
    let record
    try {
      record = JSON.parse(line)
    } catch {
      record = { event: 'text', line }
    }
    this.said.push(record)
    for (const waiter of this.waiting.filter(({ isWanted }) => isWanted(record))) {
      this.waiting.splice(this.waiting.indexOf(waiter), 1)
      waiter.resolve(record)
    }
  }

  failure(what) {
    const last = this.errors.trim().split('\n').slice(-3).join(' / ')
    return Object.assign(new Error(`${what}${last === '' ? '' : `: ${last}`}`), { code: 'LAB' })
  }
}

/** Ends everything that this run has started and made. May be called again, and from a handler of signals. */
export function cleanUp() {
  for (const program of running) program.child.kill('SIGKILL')
  removeNamespaces(ownNamespaces())
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
