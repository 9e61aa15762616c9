const MEMORY = 6;

type Dot = (a: Float64Array, b: Float64Array) => number;

/**
 * Minimises a smooth convex function by L-BFGS (Nocedal and Wright, algorithm 7.5) with backtracking. Deterministic.
 * @param objective returns the value at a point and writes the gradient there into its second argument
 * @param dot the inner product in which the gradient is one; points may be written redundantly, as long as they stay so
 *   under sums and multiples
 * @returns the point reached: where the gradient's length is within the tolerance, or after the given iterations
 */
export function minimize(
  objective: (point: Float64Array, gradient: Float64Array) => number,
  dot: Dot,
  start: Float64Array,
  options: { gradientTolerance: number; iterations: number },
): Float64Array {
  let point = start.slice();
  let gradient = new Float64Array(point.length);
  let value = objective(point, gradient);
  let nextPoint = new Float64Array(point.length);
  let nextGradient = new Float64Array(point.length);
  const direction = new Float64Array(point.length);
  const memory: Pair[] = [];
  for (let iteration = 0; iteration < options.iterations; iteration++) {
    const length = Math.sqrt(dot(gradient, gradient));
    if (length <= options.gradientTolerance) break;
    twoLoop(direction, gradient, memory, dot);
    const slope = dot(direction, gradient);
    let rate = memory.length === 0 ? Math.min(1, 1 / length) : 1;
    let nextValue = NaN;
    for (let tries = 0; tries < 40; tries++) {
      for (let i = 0; i < point.length; i++) nextPoint[i] = point[i]! + rate * direction[i]!;
      nextValue = objective(nextPoint, nextGradient);
      if (nextValue <= value + 1e-4 * rate * slope) break;
      rate /= 2;
    }
    // No step goes down any more: rounding is all that is left.
    if (!(nextValue < value)) break;
    const pair = memory.length === MEMORY ? memory.shift()! : newPair(point.length);
    for (let i = 0; i < point.length; i++) {
      pair.step[i] = nextPoint[i]! - point[i]!;
      pair.change[i] = nextGradient[i]! - gradient[i]!;
    }
    pair.product = dot(pair.step, pair.change);
    if (pair.product > 0) memory.push(pair);
    [point, nextPoint] = [nextPoint, point];
    [gradient, nextGradient] = [nextGradient, gradient];
    value = nextValue;
  }
  return point;
}

/** How the gradient changed over one step. */
interface Pair {
  step: Float64Array;
  change: Float64Array;
  product: number;
}

const newPair = (length: number): Pair => ({
  step: new Float64Array(length),
  change: new Float64Array(length),
  product: 0,
});

/** Writes minus the approximate inverse Hessian times the gradient. */
function twoLoop(direction: Float64Array, gradient: Float64Array, memory: readonly Pair[], dot: Dot): void {
  for (let i = 0; i < gradient.length; i++) direction[i] = -gradient[i]!;
  const shares = new Float64Array(memory.length);
  for (let m = memory.length - 1; m >= 0; m--) {
    const { step, change, product } = memory[m]!;
    shares[m] = dot(step, direction) / product;
    add(direction, change, -shares[m]!);
  }
  const last = memory.at(-1);
  if (last !== undefined) {
    const scale = last.product / dot(last.change, last.change);
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  }
  for (const [m, { step, change, product }] of memory.entries()) {
    add(direction, step, shares[m]! - dot(change, direction) / product);
  }
}

function add(target: Float64Array, source: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * source[i]!;
}
