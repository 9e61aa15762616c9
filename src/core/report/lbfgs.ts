const MEMORY = 6;

/**
 * Minimises a smooth convex function by L-BFGS (Nocedal and Wright, algorithm 7.5) with backtracking. Deterministic.
 * @param objective returns the value at a point and writes the gradient there into its second argument
 * @returns the point reached: where no component of the gradient exceeds the tolerance, or after the given iterations
 */
export function minimize(
  objective: (point: Float64Array, gradient: Float64Array) => number,
  start: Float64Array,
  options: { gradientTolerance: number; iterations: number },
): Float64Array {
  let point = start.slice();
  let gradient = new Float64Array(point.length);
  let value = objective(point, gradient);
  let nextPoint = new Float64Array(point.length);
  let nextGradient = new Float64Array(point.length);
  const direction = new Float64Array(point.length);
  const memory: { step: Float64Array; change: Float64Array; product: number }[] = [];
  for (let iteration = 0; iteration < options.iterations; iteration++) {
    if (largest(gradient) <= options.gradientTolerance) break;
    twoLoop(direction, gradient, memory);
    const slope = dot(direction, gradient);
    let rate = memory.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1;
    let nextValue = NaN;
    for (let tries = 0; tries < 40; tries++) {
      for (let i = 0; i < point.length; i++) nextPoint[i] = point[i]! + rate * direction[i]!;
      nextValue = objective(nextPoint, nextGradient);
      if (nextValue <= value + 1e-4 * rate * slope) break;
      rate /= 2;
    }
    // No step goes down any more: rounding is all that is left.
    if (!(nextValue < value)) break;
    const step =
      memory.length === MEMORY
        ? memory.shift()!
        : { step: new Float64Array(point.length), change: new Float64Array(point.length), product: 0 };
    for (let i = 0; i < point.length; i++) {
      step.step[i] = nextPoint[i]! - point[i]!;
      step.change[i] = nextGradient[i]! - gradient[i]!;
    }
    step.product = dot(step.step, step.change);
    if (step.product > 0) memory.push(step);
    [point, nextPoint] = [nextPoint, point];
    [gradient, nextGradient] = [nextGradient, gradient];
    value = nextValue;
  }
  return point;
}

/** Writes minus the approximate inverse Hessian times the gradient. */
function twoLoop(
  direction: Float64Array,
  gradient: Float64Array,
  memory: readonly { step: Float64Array; change: Float64Array; product: number }[],
): void {
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

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function add(target: Float64Array, source: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * source[i]!;
}

function largest(values: Float64Array): number {
  let highest = 0;
  for (const value of values) highest = Math.max(highest, Math.abs(value));
  return highest;
}
