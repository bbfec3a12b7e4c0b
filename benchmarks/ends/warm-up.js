/** Work that grows by less from one step to the next has got as fast as it gets, when that has been so for `CALM` steps. */
const GROWTH = 1.1
const CALM = 3

/**
 * Has both ends work until they get no faster: JavaScript is compiled while it runs, by threads that need time of the processor, too, and it takes seconds
 * to get there; a game's first packets cost ten times what later ones do.
 * @param work Works for so many milliseconds, and says how much it got done.
 * @param step Milliseconds. @param most All steps together, milliseconds.
 */
export async function warmUp(work, { step, most }) {
  let best = 0
  let calm = 0
  for (let spent = 0; spent < most && calm < CALM; spent += step) {
    const done = await work(step)
    calm = done > best * GROWTH ? 0 : calm + 1
    best = Math.max(best, done)
  }
}
