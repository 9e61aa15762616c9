import { Worker } from "node:worker_threads";
import { PlumbError } from "../../src/core/errors";
import { seededRandom } from "../../src/core/random";

/** Seconds that each reader is fuzzed for. */
export const fuzzSeconds = Number(process.env.PLUMB_FUZZ_SECONDS ?? 30);

/** A reader has to be done with any input of a few kilobytes by then; what goes through a network, by ten times that. */
export const HANG_MS = 5000;

/**
 * Damages inputs at random and reads them, for `fuzzSeconds`: each must be read, or refused with a PlumbError that has a
 * message of its own. Inputs that are read may serve as a start for further damage.
 * @param hang Milliseconds after which an input counts as one that hangs.
 * @param seed Printed on failure with the number of the round: the same input comes again.
 */
export async function fuzz(
  seeds: readonly Uint8Array[],
  read: (input: Uint8Array) => Promise<unknown>,
  hang = HANG_MS,
  seed = Date.now() >>> 0,
): Promise<{ rounds: number; refused: number }> {
  const random = seededRandom(seed);
  const pool = [...seeds];
  const watched = watch(20 * hang);
  const end = Date.now() + fuzzSeconds * 1000;
  let rounds = 0;
  let refused = 0;
  try {
    for (; Date.now() < end; rounds++) {
      let input = pick(pool, random);
      for (let i = Math.floor(random() * 4); i >= 0; i--) input = damage(input, pick(pool, random), random);
      const start = Date.now();
      watched.begin(input);
      try {
        await read(input);
        if (random() < 0.05) pool[seeds.length + Math.floor(random() * 50)] ??= input;
      } catch (error) {
        refused++;
        if (!(error instanceof PlumbError) || error.message.trim() === "") {
          throw new Error(`${describe(input)}, seed ${seed}, round ${rounds}: not refused but failed`, {
            cause: error,
          });
        }
      }
      const took = Date.now() - start;
      if (took > hang) throw new Error(`${describe(input)}, seed ${seed}, round ${rounds}: took ${took} ms`);
    }
  } finally {
    await watched.end();
  }
  return { rounds, refused };
}

/** Bytes of an input that are told of one that hangs. */
const MOST_TOLD = 1 << 16;

/** Ends this process where an input is read for ever without a pause, which no timer of its own would notice. */
function watch(milliseconds: number) {
  const rounds = new Int32Array(new SharedArrayBuffer(8));
  const told = new Uint8Array(new SharedArrayBuffer(MOST_TOLD));
  const program = `
    const { workerData: { rounds, told, milliseconds } } = require("node:worker_threads");
    let [last, since] = [-1, Date.now()];
    setInterval(() => {
      const now = Atomics.load(rounds, 0);
      if (now !== last) [last, since] = [now, Date.now()];
      if (Date.now() - since < milliseconds) return;
      const bytes = Buffer.from(told.subarray(0, rounds[1])).toString("base64");
      require("node:fs").writeSync(2, "Read for ever, round " + now + ": " + bytes + "\\n");
      process.kill(process.pid, "SIGKILL");
    }, 1000);`;
  const worker = new Worker(program, { eval: true, workerData: { rounds, told, milliseconds } });
  worker.unref();
  return {
    begin(input: Uint8Array) {
      const bytes = input.subarray(0, MOST_TOLD);
      told.set(bytes);
      rounds[1] = bytes.length;
      Atomics.add(rounds, 0, 1);
    },
    end: () => worker.terminate(),
  };
}

const describe = (input: Uint8Array) =>
  `${input.length} bytes ${Buffer.from(input.subarray(0, 2000)).toString("base64")}`;

function pick<T>(items: readonly T[], random: () => number): T {
  const present = items.filter((item) => item !== undefined);
  return present[Math.floor(random() * present.length)]!;
}

const TELLING_BYTES = [0, 1, 0x0a, 0x0d, 0x22, 0x5c, 0x7b, 0x7d, 0x7f, 0x80, 0xbf, 0xc0, 0xef, 0xff];

/** One change: bits, bytes, numbers, a piece cut out, doubled, cut off or taken from another input. */
function damage(input: Uint8Array, other: Uint8Array, random: () => number): Uint8Array {
  const at = Math.floor(random() * input.length);
  const length = Math.min(input.length - at, 1 + Math.floor(random() ** 3 * 200));
  const changed = Buffer.from(input);
  switch (Math.floor(random() * 8)) {
    case 0:
      if (input.length > 0) changed[at]! ^= 1 << Math.floor(random() * 8);
      return changed;
    case 1:
      if (input.length > 0) changed[at] = TELLING_BYTES[Math.floor(random() * TELLING_BYTES.length)]!;
      return changed;
    case 2: {
      // A size or an offset: small, huge, or just off.
      const width = random() < 0.5 ? 4 : 8;
      if (at + width > input.length) return changed;
      const value = [0n, 1n, 0x7fffffffn, 0xffffffffn, 1n << 40n, (1n << 63n) - 1n, (1n << 64n) - 1n][
        Math.floor(random() * 7)
      ]!;
      if (width === 8) changed.writeBigUInt64LE(value, at);
      else changed.writeUInt32LE(Number(value & 0xffffffffn), at);
      return changed;
    }
    case 3:
      return Buffer.concat([changed.subarray(0, at), changed.subarray(at + length)]);
    case 4:
      return Buffer.concat([changed.subarray(0, at + length), changed.subarray(at)]);
    case 5:
      return changed.subarray(0, at);
    case 6: {
      const from = Math.floor(random() * other.length);
      const piece = other.subarray(from, from + length);
      return Buffer.concat([changed.subarray(0, at), piece, changed.subarray(at)]);
    }
    default: {
      const digits = /-?\d+/g;
      const text = changed.toString("latin1");
      const numbers = [...text.matchAll(digits)];
      const number = numbers[Math.floor(random() * numbers.length)];
      if (number === undefined) return changed;
      const values = ["0", "-1", "1e999", "9007199254740993", "null", '"x"', "[]", "0.5"];
      const value = values[Math.floor(random() * values.length)]!;
      return Buffer.from(
        text.slice(0, number.index) + value + text.slice(number.index + number[0].length),
        "latin1",
      );
    }
  }
}
