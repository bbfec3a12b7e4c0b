/**
 * Which packets a link loses. `random`: each with the same chance. `bursty`: Gilbert and Elliott's model in time, a link that is now good, now bad, each
 * for a time that is distributed exponentially, whatever is sent meanwhile; a sparse stream loses what happens to be under way.
 * @param settings `{ kind: 'none' }`, `{ kind: 'random', share }`, or `{ kind: 'bursty', good, bad, share }`: mean milliseconds of each
 * state, and the share that is lost in the bad one.
 * @param random Numbers from 0 up to 1. @param started The time now, milliseconds.
 * @returns A function of the time in milliseconds that says whether a packet is lost.
 */
export function lossOf(settings, random, started) {
  switch (settings.kind) {
    case 'none':
      return () => false
    case 'random':
      return () => random() < settings.share
    case 'bursty':
      return bursty(settings, random, started)
    default:
      throw new Error(`there is no loss of the kind ${settings.kind}`)
  }
}

function bursty({ good, bad, share }, random, started) {
  // When the link is bad must not depend on what is sent, so the chances of packets come from elsewhere.
  const chance = seeded(random() * 2 ** 32)
  const lasting = (mean) => -Math.log(1 - random()) * mean
  let isBad = false
  let until = started + lasting(good)
  return (now) => {
    while (now >= until) {
      isBad = !isBad
      until += lasting(isBad ? bad : good)
    }
    return isBad && chance() < share
  }
}

/** Numbers from 0 up to 1 that follow from a seed (mulberry32): each way of a benchmark meets losses of the same kind, and a run can be had again. */
export function seeded(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
