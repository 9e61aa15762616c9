/** Long work in slices: it pauses with the share that is done, from 0 to 1, and ends with its result. */
export type Sliced<T> = Generator<number, T, void>;

/** Slices of shorter work are run together for so many milliseconds. */
const turn = 12;

/** Runs sliced work to its end without a pause. */
export function atOnce<T>(work: Sliced<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
  }
}

/**
 * Runs sliced work to its end and lets others have their turn in between.
 * @param onPause Called in each pause; what it throws ends the work.
 */
export async function inTurns<T>(work: Sliced<T>, onPause: (share: number) => void): Promise<T> {
  for (;;) {
    const begun = performance.now();
    let step = work.next();
    while (step.done !== true && performance.now() - begun < turn) step = work.next();
    if (step.done === true) return step.value;
    await new Promise(setImmediate);
    onPause(step.value);
  }
}

/** The same work as a part of longer work: its share runs between two shares of the whole. */
export function* partOf<T>(work: Sliced<T>, from: number, to: number): Sliced<T> {
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    yield from + (to - from) * value;
  }
}
