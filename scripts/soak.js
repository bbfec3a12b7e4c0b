/**
 * The simulations with chance in them, for longer than `npm test` runs them.
 *
 *   npm run chaos -- [--seeds N] [--from SEED] [--jobs N]     endpoints among whom everything happens that can, one run a seed
 *   npm run storm -- [--seeds N] [--from SEED] [--jobs N]     rooms whose players send each other all they have through bad networks, one run a seed
 *   npm run tournament -- [--seeds N] [--from SEED] [--jobs N] rooms with state, whose players come, go, move and write, one run a seed
 *   npm run tournament -- --real                              a small one by script: processes, sockets and SIGKILL, and the same in the simulator
 *   npm run fuzz -- [--inputs N] [--from SEED] [--target NAME] [--jobs N]
 *                                                             what may come from the network, made from what did, guided by coverage
 *
 * What fails is named with its seed, and the command that shows it again. Both end with 1 when something failed.
 */
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { bundle } from './bundle.js'

const KINDS = {
  chaos: { unit: 'seeds', count: 10_000, entry: 'test/simulation/chaos.ts', counted: false, run: chaosWorker },
  storm: { unit: 'seeds', count: 2_000, entry: 'test/simulation/scenario.ts', counted: false, run: stormWorker },
  tournament: { unit: 'seeds', count: 500, entry: 'test/simulation/tournament.ts', counted: false, run: tournamentWorker },
  fuzz: { unit: 'inputs', count: 5_000_000, entry: 'test/simulation/fuzz.ts', counted: true, run: fuzzWorker },
}
/** Between two lines of progress. Milliseconds. */
const PROGRESS = 10_000
/** Seeds that a worker does between two reports. */
const SEEDS_AT_A_TIME = 10
/** What the workers may have: a leak is to be seen before the machine is full. MiB. */
const HEAP_LIMIT = 512

const number = (n) => Math.round(n).toLocaleString('en')

if (isMainThread) await main()
else await KINDS[workerData.name].run(workerData)

async function main() {
  process.chdir(fileURLToPath(new URL('..', import.meta.url)))
  const [name, ...rest] = process.argv.slice(2)
  if (name === 'tournament' && rest.length === 1 && rest[0] === '--real') return realTournament()
  const kind = KINDS[name] ?? usage('say what to run')
  const options = parse(kind, rest)
  const file = await bundle(kind.entry, `build/soak/${name}-${process.pid}.js`, { count: kind.counted })
  const started = performance.now()
  const totals = new Map()
  let done = 0
  let shown = started
  let failed = false
  const report = () => {
    const seconds = (performance.now() - started) / 1_000
    console.log(
      `${number(done)} of ${number(options.count)} ${kind.unit}${failed ? '' : ': all held'} (${number(seconds)} s, ${number(done / seconds)} a second)`,
    )
  }
  const workers = Array.from({ length: options.jobs }, (_, job) => {
    const share = Math.floor(options.count / options.jobs) + (job < options.count % options.jobs ? 1 : 0)
    return new Worker(new URL(import.meta.url), {
      workerData: { ...options, name, file, job, count: share },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT },
      execArgv: ['--enable-source-maps'],
    })
  })
  const fail = (text) => {
    failed = true
    console.error(text)
  }
  await Promise.all(
    workers.map(async (worker) => {
      worker.on('message', (message) => {
        done += message.done ?? 0
        for (const [what, times] of message.totals ?? []) totals.set(what, (totals.get(what) ?? 0) + times)
        if (message.fault !== undefined) fail(message.fault)
        if (performance.now() - shown > PROGRESS) {
          shown = performance.now()
          report()
        }
      })
      worker.on('error', (error) => fail(`a worker ended: ${error.stack}`))
      await once(worker, 'exit')
    }),
  )
  report()
  for (const [what, times] of totals) console.log(`  ${what}: ${number(times)}`)
  process.exitCode = failed || done < options.count ? 1 : 0
}

/** What the script determines has to come out alike in processes and in virtual time. */
async function realTournament() {
  const file = await bundle('test/simulation/real-tournament.ts', `build/soak/real-${process.pid}.js`)
  const { runReal, runSimulated } = await import(pathToFileURL(file).href)
  const results = []
  for (const [where, run] of Object.entries({ processes: () => runReal(file), simulated: () => runSimulated(1) })) {
    const started = performance.now()
    const { hash, host, players, entities } = await run()
    const seconds = (performance.now() - started) / 1_000
    console.log(`${where}: ${players} players with ${entities} entities, host ${host}, state ${hash} (${seconds.toFixed(1)} s)`)
    results.push(`${players} ${entities} ${hash}`)
  }
  if (new Set(results).size === 1) console.log('the same in both')
  else {
    console.error('not the same in both')
    process.exitCode = 1
  }
}

async function chaosWorker({ file, from, count, job, jobs }) {
  const { runChaos } = await import(pathToFileURL(file).href)
  for (let done = 0; done < count; done += SEEDS_AT_A_TIME) {
    const totals = new Map([['messages', 0]])
    let at = 0
    for (; at < SEEDS_AT_A_TIME && done + at < count; at++) {
      const seed = from + job + (done + at) * jobs
      const { faults, messages, troubles } = runChaos(seed)
      totals.set('messages', totals.get('messages') + messages)
      for (const [what, times] of troubles) totals.set(what, (totals.get(what) ?? 0) + times)
      if (faults.length === 0) continue
      const again = `npm run chaos -- --from ${seed} --seeds 1`
      parentPort.postMessage({ fault: `seed ${seed} (again: ${again})\n  ${faults.slice(0, 10).join('\n  ')}` })
    }
    parentPort.postMessage({ done: at, totals })
  }
}

async function stormWorker({ file, from, count, job, jobs }) {
  const { runStorm } = await import(pathToFileURL(file).href)
  for (let done = 0; done < count; done++) {
    const seed = from + job + done * jobs
    const { faults, messages, dropped } = await runStorm(seed).catch(({ stack }) => ({ faults: [stack], messages: 0, dropped: 0 }))
    const again = `npm run storm -- --from ${seed} --seeds 1`
    if (faults.length > 0) parentPort.postMessage({ fault: `seed ${seed} (again: ${again})\n  ${faults.slice(0, 10).join('\n  ')}` })
    parentPort.postMessage({ done: 1, totals: new Map(Object.entries({ messages, dropped })) })
  }
}

async function tournamentWorker({ file, from, count, job, jobs }) {
  const { faultsOf, runTournament } = await import(pathToFileURL(file).href)
  for (let done = 0; done < count; done++) {
    const seed = from + job + done * jobs
    const outcome = await runTournament(seed)
    const faults = faultsOf(outcome)
    const again = `npm run tournament -- --from ${seed} --seeds 1`
    if (faults.length > 0) parentPort.postMessage({ fault: `seed ${seed} (again: ${again})\n  ${faults.slice(0, 10).join('\n  ')}` })
    parentPort.postMessage({ done: 1, totals: new Map(Object.entries(outcome.counts)) })
  }
}

async function fuzzWorker({ file, from, count, job, jobs, target }) {
  // Most inputs are malformed, and writing down where each was found takes longer than finding it.
  Error.stackTraceLimit = 4
  const { Fuzzer } = await import(pathToFileURL(file).href)
  const seed = from + job
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc')
  const heap = () => {
    collect()
    return getHeapStatistics().used_heap_size
  }
  const fuzzer = new Fuzzer({ seed, target, coverage: globalThis.coverage, clock: processorTime, heap })
  for (let done = 0; done < count;) {
    const some = Math.min(fuzzer.batch, count - done)
    const fault = fuzzer.run(some)
    done += some
    if (fault !== undefined) {
      mkdirSync('build/soak', { recursive: true })
      const path = `build/soak/fault-${fault.target}-${seed}-${job}.json`
      writeFileSync(path, JSON.stringify(fault, null, 1))
      const again = `npm run fuzz -- --from ${seed} --inputs ${done * jobs} --jobs ${jobs}${target === undefined ? '' : ` --target ${target}`}`
      parentPort.postMessage({ fault: `${fault.target}: ${fault.what}\n  input ${fault.input}\n  kept in ${path}; again: ${again}` })
      return
    }
    parentPort.postMessage({ done: some })
  }
  parentPort.postMessage({ totals: fuzzer.totals() })
}

/** Of this thread, where Node.js tells; else of all threads together, which is more. Milliseconds. */
function processorTime() {
  const { user, system } = process.threadCpuUsage?.() ?? process.cpuUsage()
  return (user + system) / 1_000
}

function parse(kind, rest) {
  const options = { count: kind.count, from: 1, jobs: availableParallelism(), target: undefined }
  let values
  try {
    const whole = { type: 'string' }
    ;({ values } = parseArgs({
      args: rest,
      options: { [kind.unit]: whole, from: whole, jobs: whole, ...(kind.counted ? { target: whole } : {}) },
    }))
  } catch (error) {
    usage(error.message)
  }
  for (const [option, text] of Object.entries(values)) {
    const value = option === 'target' ? text : Number(text)
    options[option === kind.unit ? 'count' : option] = value
    if (option !== 'target' && (!Number.isSafeInteger(value) || value < 1)) usage(`--${option} takes a whole number above 0`)
  }
  options.jobs = Math.min(options.jobs, options.count)
  return options
}

function usage(problem) {
  console.error(
    `${problem}\nusage: npm run chaos -- [--seeds N] [--from SEED] [--jobs N]\n       npm run storm -- [--seeds N] [--from SEED] [--jobs N]\n       npm run tournament -- [--seeds N] [--from SEED] [--jobs N]\n       npm run tournament -- --real\n       npm run fuzz -- [--inputs N] [--from SEED] [--target NAME] [--jobs N]`,
  )
  process.exit(2)
}
