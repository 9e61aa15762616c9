/**
 * Texts that are the same, or nearly.
 *
 * Near duplicates are found by sketches: a text becomes the set of its runs of four characters, the set becomes 256
 * numbers of which two texts share about as large a part as their sets do (Jaccard similarity), and only texts that
 * agree in one of several bands of numbers are compared at all. The sketch is that of Dahlgaard, Knudsen and Thorup,
 * "Fast Similarity Sketching" (FOCS 2017): unlike one-permutation hashing it is right for short texts too.
 */

import { atOnce, type Sliced } from "../slices";

/** From this share of common runs on, two texts are near duplicates. */
export const nearSimilarity = 0.7;

/** Characters in a run. */
const runLength = 4;
/** Numbers in a sketch; a power of two. The estimate of a similarity s is off by sqrt(s (1 - s) / 256), 0.03 at most. */
const sketchSize = 256;
/** 42 bands of 6: a pair of similarity 0.7 agrees in at least one with probability 0.995, one of 0.2 with 0.003. */
const bandRows = 6;
const bandCount = Math.floor(sketchSize / bandRows);
/** Texts that are looked at between two pauses: a few milliseconds. */
const textsAtOnce = 64;
/** Texts of a bucket that a new one is compared with. Bounds the time where thousands of texts share a bucket. */
const bucketReach = 16;

/** The text by which exact duplicates are told: Unicode composed, runs of white space as one blank. */
export function sameTextKey(text: string): string {
  return text.normalize("NFC").replace(/\s+/gu, " ").trim();
}

/** The text by which near duplicates are told: case, punctuation and white space make no difference. */
export function comparedText(text: string): string {
  const folded = text.normalize("NFKC").toLowerCase();
  const words = folded.replace(/[\p{P}\p{Z}\p{C}]+/gu, " ").trim();
  return words === "" ? folded.trim() : words;
}

/** One pair of near duplicates: indices of the two texts, and the share of common runs, estimated, in [0, 1]. */
export interface NearPair {
  first: number;
  second: number;
  similarity: number;
}

/** Sketches of a list of texts, and the questions that they answer. Texts are named by their index. */
export class Sketches {
  readonly count: number;
  /** [texts, sketchSize] Low byte of each number of a sketch. */
  private readonly low: Uint8Array;
  /** [bands, texts] */
  private readonly bands: Uint32Array[];
  /** [texts] The first text that differs by case, punctuation and white space alone; the text itself where there is none. */
  private readonly twins: Int32Array;

  private constructor(count: number) {
    this.count = count;
    this.twins = new Int32Array(count);
    this.low = new Uint8Array(count * sketchSize);
    this.bands = Array.from({ length: bandCount }, () => new Uint32Array(count));
  }

  static of(texts: readonly string[]): Sketches {
    return atOnce(Sketches.slicesOf(texts));
  }

  /** The same in slices: 100,000 texts take seconds. */
  static *slicesOf(texts: readonly string[]): Sliced<Sketches> {
    const made = new Sketches(texts.length);
    const sketch = new Int32Array(sketchSize);
    const firsts = new Map<string, number>();
    for (const [index, text] of texts.entries()) {
      const compared = comparedText(text);
      const first = firsts.get(compared) ?? index;
      if (first === index) firsts.set(compared, index);
      made.twins[index] = first;
      sketchText(compared, sketch);
      made.keep(index, sketch);
      if (index % textsAtOnce === 0) yield index / texts.length;
    }
    return made;
  }

  private keep(index: number, sketch: Int32Array): void {
    const offset = index * sketchSize;
    for (let bin = 0; bin < sketchSize; bin++) this.low[offset + bin] = sketch[bin]!;
    for (let band = 0; band < bandCount; band++) {
      let key = band;
      for (let row = band * bandRows; row < (band + 1) * bandRows; row++) key = mix(key, sketch[row]!);
      this.bands[band]![index] = key >>> 0;
    }
  }

  /** Estimated share of common runs of two texts, in [0, 1]; 1 where case, punctuation and white space alone differ. */
  similarity(first: number, second: number): number {
    const a = first * sketchSize;
    const b = second * sketchSize;
    let equal = 0;
    for (let bin = 0; bin < sketchSize; bin++) if (this.low[a + bin] === this.low[b + bin]) equal++;
    // Low bytes of different numbers agree once in 256.
    return Math.max(0, (equal / sketchSize - 1 / 256) / (1 - 1 / 256));
  }

  /**
   * Pairs of near duplicates that hold every group of them together: each text that has a near duplicate stands in
   * at least one pair, but a group of n is told by n - 1 pairs and not by all of them.
   * @param count Only the first so many texts.
   */
  pairs(count = this.count): NearPair[] {
    return atOnce(this.pairSlices(count));
  }

  /** The same in slices. */
  pairSlices(count = this.count): Sliced<NearPair[]> {
    return this.linked(count, nearSimilarity, null);
  }

  /**
   * Pairs of texts that must not be split apart. These are the near duplicates, but for one case: texts from one template
   * are like each other in a chain that may run through a whole file, whose ends have little in common. A chain of more
   * than a tenth of the texts (and more than 20) would leave nothing to split; in it only closer texts are held together.
   * @param count Only the first so many texts.
   */
  bonds(count = this.count): NearPair[] {
    return atOnce(this.bondSlices(count));
  }

  /** The same in slices. */
  *bondSlices(count = this.count): Sliced<NearPair[]> {
    const longest = Math.max(20, count / 10);
    const bonds: NearPair[] = [];
    let within: ReadonlySet<number> | null = null;
    for (const limit of [nearSimilarity, 0.85, 0.95, 1]) {
      const found: NearPair[] = yield* this.linked(count, limit, within);
      const groups = new Groups(count);
      const sizes = new Map<number, number>();
      for (const { first, second } of found) groups.join(first, second);
      for (let index = 0; index < count; index++)
        sizes.set(groups.of(index), (sizes.get(groups.of(index)) ?? 0) + 1);
      const chained = (index: number) => limit < 1 && sizes.get(groups.of(index))! > longest;
      bonds.push(...found.filter(({ first }) => !chained(first)));
      within = new Set(found.flatMap(({ first, second }) => (chained(first) ? [first, second] : [])));
      if (within.size === 0) break;
    }
    return bonds;
  }

  /** Pairs from `limit` on that hold their groups together, in the order of the texts. */
  private *linked(count: number, limit: number, within: ReadonlySet<number> | null): Sliced<NearPair[]> {
    const groups = new Groups(count);
    const pairs: NearPair[] = [];
    // A bucket that thousands of texts share may hide them from each other.
    for (let second = 0; second < count; second++) {
      const first = this.twins[second]!;
      if (first === second || within?.has(second) === false) continue;
      groups.join(first, second);
      pairs.push({ first, second, similarity: 1 });
    }
    for (const [band, keys] of this.bands.entries()) {
      const buckets = new Buckets(keys);
      for (let second = 0; second < count; second++) {
        if (second % textsAtOnce === 0) yield (band + second / count) / bandCount;
        if (within?.has(second) === false) continue;
        buckets.each(keys[second]!, (first) => {
          if (groups.same(first, second)) return;
          const similarity = this.similarity(first, second);
          if (similarity < limit) return;
          groups.join(first, second);
          pairs.push({ first, second, similarity });
        });
        buckets.add(second);
      }
    }
    return pairs.sort((a, b) => a.second - b.second || a.first - b.first);
  }

  /** How many texts of `queries` have a near duplicate within `among`. */
  *nearSlices(queries: readonly number[], among: readonly number[]): Sliced<number> {
    let left = queries;
    for (const [band, keys] of this.bands.entries()) {
      yield band / bandCount;
      const buckets = new Buckets(keys);
      for (const index of among) buckets.add(index);
      left = left.filter(
        (query) => !buckets.some(keys[query]!, (other) => this.similarity(query, other) >= nearSimilarity),
      );
    }
    return queries.length - left.length;
  }

  /** For each text of `queries` that has a near duplicate within `among`: the pair (query first) of greatest similarity. */
  closest(queries: readonly number[], among: readonly number[]): NearPair[] {
    const best = new Map<number, NearPair>();
    for (const keys of this.bands) {
      const buckets = new Buckets(keys);
      for (const index of among) buckets.add(index);
      for (const first of queries) {
        buckets.each(keys[first]!, (second) => {
          const known = best.get(first);
          if (known?.second === second || known?.similarity === 1) return;
          const similarity = this.similarity(first, second);
          if (similarity >= nearSimilarity && similarity > (known?.similarity ?? 0)) {
            best.set(first, { first, second, similarity });
          }
        });
      }
    }
    return queries.flatMap((query) => best.get(query) ?? []);
  }
}

/** How many of some texts stand, word for word or nearly, among others. */
export function countKnown(texts: readonly string[], among: readonly string[]): number {
  const sketches = Sketches.of([...texts, ...among]);
  return sketches.closest(
    texts.map((_, i) => i),
    among.map((_, i) => texts.length + i),
  ).length;
}

/** Disjoint groups of 0 … count - 1, at first each alone. */
export class Groups {
  private readonly parent: Int32Array;

  constructor(count: number) {
    this.parent = Int32Array.from({ length: count }, (_, index) => index);
  }

  /** The member that stands for the group of `index`: the smallest. */
  of(index: number): number {
    let root = index;
    while (this.parent[root] !== root) root = this.parent[root]!;
    while (this.parent[index] !== root) {
      const next = this.parent[index]!;
      this.parent[index] = root;
      index = next;
    }
    return root;
  }

  same(a: number, b: number): boolean {
    return this.of(a) === this.of(b);
  }

  join(a: number, b: number): void {
    const first = this.of(a);
    const second = this.of(b);
    this.parent[Math.max(first, second)] = Math.min(first, second);
  }
}

/** Texts by their key in one band: an open hash table whose slots hold chains, newest first. */
class Buckets {
  private readonly mask: number;
  /** Newest text of the bucket, or -1. */
  private readonly heads: Int32Array;
  private readonly next: Int32Array;

  constructor(private readonly keys: Uint32Array) {
    let size = 2;
    while (size < keys.length * 2) size *= 2;
    this.mask = size - 1;
    this.heads = new Int32Array(size).fill(-1);
    this.next = new Int32Array(keys.length).fill(-1);
  }

  add(index: number): void {
    const slot = this.slot(this.keys[index]!);
    this.next[index] = this.heads[slot]!;
    this.heads[slot] = index;
  }

  each(key: number, call: (index: number) => void): void {
    this.some(key, (index) => {
      call(index);
      return false;
    });
  }

  some(key: number, passes: (index: number) => boolean): boolean {
    let index = this.heads[this.slot(key)]!;
    for (let reach = 0; index >= 0 && reach < bucketReach; reach++) {
      if (passes(index)) return true;
      index = this.next[index]!;
    }
    return false;
  }

  private slot(key: number): number {
    let slot = key & this.mask;
    for (;;) {
      const head = this.heads[slot]!;
      if (head < 0 || this.keys[head] === key) return slot;
      slot = (slot + 1) & this.mask;
    }
  }
}

let runs = new Int32Array(1024);
/** Bins that the present round has filled. */
const fresh = new Int32Array(sketchSize);

/**
 * Fills `sketch` for a text. In each round every run falls into a bin, and a bin that has been empty so far keeps the
 * smallest; rounds go on until no bin is empty, which the second half of them, one bin a round, guarantees.
 */
function sketchText(text: string, sketch: Int32Array): void {
  let count = collectRuns(` ${text} `);
  // Values are at least 0. While a round may still lower the value of a bin, its complement stands there.
  const empty = 0x7fffffff;
  sketch.fill(empty);
  let filled = 0;
  for (let round = 0; filled < sketchSize; round++) {
    // A long text that needs many rounds repeats itself: each of its runs once is enough.
    if (round === 4 && count > sketchSize) count = keepDistinct(count);
    const single = round - sketchSize;
    if (single >= 0 && sketch[single] !== empty) continue;
    let now = 0;
    for (let at = 0; at < count; at++) {
      const hash = mix(runs[at]!, round);
      const bin = single >= 0 ? single : hash & (sketchSize - 1);
      const value = hash >>> 8;
      const held = sketch[bin]!;
      if (held === empty) {
        sketch[bin] = ~value;
        fresh[now++] = bin;
      } else if (held < 0 && value < ~held) sketch[bin] = ~value;
    }
    for (let at = 0; at < now; at++) sketch[fresh[at]!] = ~sketch[fresh[at]!]!;
    filled += now;
  }
}

/** Hashes of all runs of a text into `runs`; returns how many there are, at least one. */
function collectRuns(text: string): number {
  const count = Math.max(1, text.length - runLength + 1);
  if (count > runs.length) runs = new Int32Array(count * 2);
  // A run is two pairs of code units; the second pair of one is the first of the next but one. Past the end: 0.
  const pair = (at: number) => text.charCodeAt(at) | 0 | ((text.charCodeAt(at + 1) | 0) << 16);
  for (let at = 0; at < count; at++) runs[at] = mix(mix(0, pair(at)), pair(at + 2));
  return count;
}

/** Brings each of the first `count` runs once to the front; returns how many these are. */
function keepDistinct(count: number): number {
  runs.subarray(0, count).sort();
  let kept = 0;
  for (let at = 0; at < count; at++) if (at === 0 || runs[at] !== runs[kept - 1]) runs[kept++] = runs[at]!;
  return kept;
}

/** Mixes a number into a hash; the finaliser of MurmurHash3. */
function mix(hash: number, value: number): number {
  let h = (Math.imul(hash, 31) + value + 0x9e3779b9) | 0;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}
