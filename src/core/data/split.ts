import { PlumbError } from "../errors";
import { seededRandom, shuffled } from "../random";
import type { Example } from "../schema";
import { answerOf, strataOf } from "./answer";
import { Groups, Sketches, type NearPair } from "./duplicates";
import type { LoadedExample } from "./read";
import { shownPath } from "./problem";
import { atOnce, partOf, type Sliced } from "../slices";
import type { LoadedTask } from "./task";
import { counted, grouped, inflected, inQuotes, say } from "../say";

export const defaultTestShare = 0.2;

/** From this share of the test on, near duplicates of training texts make its result worthless. */
export const worthlessOverlap = 1 / 3;

/** Units that are placed between two pauses. */
const unitsAtOnce = 500;

export interface SplitOptions {
  seed: number;
  /** In (0, 1). Used where no `split` is given. */
  testShare: number;
}

/** The labelled examples of a task on the two sides of its split, each in the order of the files. */
export interface Split {
  train: LoadedExample[];
  test: LoadedExample[];
  /** Examples without an answer, or set aside. */
  unanswered: LoadedExample[];
  /** Whether the files said who is in the test, or Plumb drew it. */
  made: "given" | "drawn";
  /** What it was drawn with; null for a given split. */
  seed: number | null;
  testShare: number | null;
}

/** A split as it is written down: the ids are enough to have it again, whatever has been added since. */
export interface SplitRecord {
  made: "given" | "drawn";
  seed: number | null;
  testShare: number | null;
  train: string[];
  test: string[];
}

/**
 * Train and test part of a task. Where an example says `"split": "test"`, the split is given, and examples without the
 * field are for training. Else it is drawn, class by class (a multi-label text counts for the rarest of its labels);
 * near duplicates and equal groups stay on one side (`drawParts`), and so does what says `"split": "train"`.
 * The order of the lines makes no difference to a drawn split.
 * @throws {PlumbError} code "no-split" where one side would be empty.
 */
export function splitExamples(
  loaded: Pick<LoadedTask, "task" | "examples" | "path">,
  options: SplitOptions & {
    /** Of the answered examples, where they are known already; other texts may follow. */
    sketches?: Sketches;
  },
): Split {
  const answered: LoadedExample[] = [];
  const unanswered: LoadedExample[] = [];
  for (const example of loaded.examples)
    (answerOf(loaded.task, example) === null ? unanswered : answered).push(example);

  if (loaded.examples.some((example) => example.split === "test")) {
    const test = answered.filter((example) => example.split === "test");
    const train = answered.filter((example) => example.split !== "test");
    needBothSides(loaded.path, train, test);
    return { train, test, unanswered, made: "given", seed: null, testShare: null };
  }

  const sketches = options.sketches ?? Sketches.of(answered.map(({ text }) => text));
  const { bins } = atOnce(drawParts(answered, sketches, options));
  const train = answered.filter((_, at) => bins[at] === 0);
  const test = answered.filter((_, at) => bins[at] === 1);
  needBothSides(loaded.path, train, test);
  return { train, test, unanswered, made: "drawn", seed: options.seed, testShare: options.testShare };
}

/** What texts without an answer count as where they are drawn too. */
const openStratum = "\0open";

/**
 * Sides of the split of a task that is being made, drawn among all its texts, those without an answer too: whatever later
 * chooses which of these are labelled first has then never touched the test part. Answered texts are drawn class by class,
 * those without an answer as a class of their own; near duplicates and equal groups stay on one side (`drawParts`).
 */
export function* drawSides(examples: readonly Example[], options: SplitOptions): Sliced<DrawnSides> {
  const sketches = yield* partOf(Sketches.slicesOf(examples.map(({ text }) => text)), 0, 0.75);
  const { bins, patterns } = yield* partOf(
    drawParts(examples, sketches, options, (example) =>
      isAnswered(example) ? strataOf(example) : [openStratum],
    ),
    0.75,
    1,
  );
  const alike = patterns !== "none";
  if (patterns === "torn" || new Set(bins).size < 2) return { sides: null, alike };
  return { sides: bins.map((bin) => (bin === 0 ? "train" : "test")), alike };
}

/** Sides of the split of a task that is being made. */
export interface DrawnSides {
  /** The side of each example; null where there are too few texts to have two, or too few that differ. */
  sides: ("train" | "test")[] | null;
  /** Whether so many texts follow one pattern that the draw had to differ from what was asked. */
  alike: boolean;
}

/** Bin of each example: 0 to learn from, 1 for the test. */
interface Parts {
  bins: number[];
  /** Texts of one pattern: whether some stay together that would not have to, or make the test worthless after all. */
  patterns: "none" | "whole" | "torn";
}

/**
 * Draws a test part. Of a pattern that many texts follow, those that are less close may be split apart (`Sketches.bonds`);
 * where this would make the test worthless, all of it stays on one side, and the test is of other texts.
 * @param sketches Of the examples; other texts may follow.
 */
function* drawParts(
  examples: readonly Example[],
  sketches: Sketches,
  { seed, testShare }: SplitOptions,
  strata?: (example: Example) => string[],
): Sliced<Parts> {
  const answered = examples.flatMap((example, at) => (isAnswered(example) ? [at] : []));
  function* drawn(bonds: Sliced<NearPair[]>): Sliced<{ bins: number[]; telling: boolean }> {
    const units = unitsOf(examples, yield* partOf(bonds, 0, 0.5), strata);
    const distributed = distribution(examples, units, [1 - testShare, testShare], seededRandom(seed), {
      learnsFirst: true,
      fixed: forTraining(units, examples),
    });
    const bins = yield* partOf(distributed, 0.5, 0.8);
    let telling = true;
    // A run has the answered ones alone.
    const all = examples.map((_, at) => at);
    for (const some of answered.length < all.length ? [all, answered] : [all]) {
      const test = some.filter((at) => bins[at] === 1);
      const train = some.filter((at) => bins[at] === 0);
      const near = yield* partOf(sketches.nearSlices(test, train), 0.8, 1);
      if (near > 0 && near >= worthlessOverlap * test.length) telling = false;
    }
    return { bins, telling };
  }
  const { bins, telling } = yield* partOf(drawn(sketches.bondSlices(examples.length)), 0, 0.5);
  if (telling) return { bins, patterns: "none" };
  const whole = yield* partOf(drawn(sketches.pairSlices(examples.length)), 0.5, 1);
  const sound = whole.telling && new Set(whole.bins).size === 2;
  return sound ? { bins: whole.bins, patterns: "whole" } : { bins, patterns: "torn" };
}

const isAnswered = ({ label, labels, target }: Example) =>
  label !== undefined || labels !== undefined || target !== undefined;

/** Units that say `"split": "train"`. */
const forTraining = (units: readonly Unit[], examples: readonly Example[]) =>
  new Set(units.filter(({ members }) => members.some((at) => examples[at]?.split === "train")));

/** What has to be kept of a split. */
export function recordSplit(split: Split): SplitRecord {
  return {
    made: split.made,
    seed: split.seed,
    testShare: split.testShare,
    train: split.train.map((example) => example.id),
    test: split.test.map((example) => example.id),
  };
}

/**
 * The split that was written down, from the examples as they are now. Examples that have come since count as
 * unanswered.
 * @throws {PlumbError} code "split-changed" where one of its examples is gone or has lost its answer.
 */
export function restoreSplit(
  loaded: Pick<LoadedTask, "task" | "examples" | "path">,
  record: SplitRecord,
): Split {
  const byId = new Map(loaded.examples.map((example) => [example.id, example]));
  const find = (id: string): LoadedExample => {
    const example = byId.get(id);
    if (example === undefined || answerOf(loaded.task, example) === null) {
      const what = example === undefined ? say`is gone` : say`has no answer any more`;
      throw new PlumbError(
        "split-changed",
        say`${shownPath(loaded.path)}: example ${inQuotes(id)} of the run's split ${what}. Bring it back, or start a new run.`,
      );
    }
    return example;
  };
  const train = record.train.map(find);
  const test = record.test.map(find);
  const used = new Set([...record.train, ...record.test]);
  const unanswered = loaded.examples.filter((example) => !used.has(example.id));
  return { train, test, unanswered, made: record.made, seed: record.seed, testShare: record.testShare };
}

/**
 * Fold of each example, 0 … k - 1, for cross-validation: folds are alike in size and classes, near duplicates and equal
 * groups share a fold.
 */
export function foldExamples(examples: readonly Example[], k: number, seed: number): number[] {
  if (!Number.isInteger(k) || k < 2)
    throw new PlumbError(
      "wrong-folds",
      say`Cannot make ${counted(k, "fold", "folds")}: at least 2 are needed.`,
    );
  const units = unitsOf(examples);
  if (units.length < k) {
    throw new PlumbError(
      "wrong-folds",
      say`Cannot make ${counted(k, "fold", "folds")}: ${counted(examples.length, "example falls", "examples fall")} into ${counted(units.length, "group", "groups")} that must not be split apart. Use fewer folds or label more texts.`,
    );
  }
  return distribute(
    examples,
    units,
    Array.from({ length: k }, () => 1 / k),
    seededRandom(seed),
  );
}

/**
 * Sets a share of the training examples aside, class by class, for choosing a checkpoint. Near duplicates and equal
 * groups stay on one side. Either part may be empty where there are too few examples.
 */
export function holdOut<E extends Example>(
  train: readonly E[],
  share: number,
  seed: number,
): { fit: E[]; heldOut: E[] } {
  const bins = distribute(train, unitsOf(train), [1 - share, share], seededRandom(seed), {
    learnsFirst: true,
  });
  return { fit: train.filter((_, at) => bins[at] === 0), heldOut: train.filter((_, at) => bins[at] === 1) };
}

/**
 * A part of the training examples, drawn class by class: one of each class first, then always of the class that is most
 * behind its share (a multi-label text counts for the rarest of its labels). Near duplicates and equal groups come whole or
 * not at all, so that the part may be a little smaller than asked for. Parts of one seed lie within each other as far as
 * everything in them stands alone. The order of the lines makes no difference.
 * @param size At least 1.
 * @throws {PlumbError} code "train-limit" where there are fewer examples, or none can be drawn.
 */
export function drawPart<E extends Example>(train: readonly E[], size: number, seed: number): E[] {
  if (size > train.length) {
    throw new PlumbError(
      "train-limit",
      say`Cannot draw ${counted(size, "training example", "training examples")}: there ${inflected(train.length, "is", "are")} ${grouped(train.length)}. Ask for fewer, or label more texts.`,
    );
  }
  if (size === train.length) return [...train];
  const random = seededRandom(seed);
  const taken = new Set<number>();
  for (const { members } of classByClass(shuffled(unitsOf(train), random))) {
    if (taken.size + members.length > size) continue;
    for (const at of members) taken.add(at);
  }
  if (taken.size === 0) {
    throw new PlumbError(
      "train-limit",
      say`Cannot draw ${counted(size, "training example", "training examples")}: every group of examples that must stay together is larger. Ask for more.`,
    );
  }
  return train.filter((_, at) => taken.has(at));
}

/** Units in an order of which every beginning has the classes in about the same shares as the whole. */
function classByClass(units: readonly Unit[]): Unit[] {
  const totals = new Map<string, number>();
  for (const { classes } of units)
    for (const [name, count] of classes) totals.set(name, (totals.get(name) ?? 0) + count);
  const queues = new Map<string, { units: Unit[]; size: number; next: number; taken: number }>();
  for (const unit of units) {
    const names = [...unit.classes.keys()].sort();
    const name = names.reduce<string>(
      (rarest, each) => (rarest === "" || totals.get(each)! < totals.get(rarest)! ? each : rarest),
      "",
    );
    const queue = queues.get(name) ?? { units: [], size: 0, next: 0, taken: 0 };
    queues.set(name, queue);
    queue.units.push(unit);
    queue.size += unit.members.length;
  }
  const all = [...queues.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, queue]) => queue);
  const whole = all.reduce((sum, { size }) => sum + size, 0);
  const order: Unit[] = [];
  let placed = 0;
  while (order.length < units.length) {
    let best: (typeof all)[number] | null = null;
    let most = -Infinity;
    for (const queue of all) {
      if (queue.next === queue.units.length) continue;
      const behind = (queue.size / whole) * (placed + 1) - queue.taken + (queue.next === 0 ? whole : 0);
      if (behind > most) [best, most] = [queue, behind];
    }
    const unit = best!.units[best!.next++]!;
    best!.taken += unit.members.length;
    placed += unit.members.length;
    order.push(unit);
  }
  return order;
}

/** Examples that must not be split apart, by index. */
interface Unit {
  members: number[];
  /** How many members have each class. */
  classes: Map<string, number>;
  /** The smallest id: what the order of the lines does not change. */
  name: string;
}

function unitsOf(
  examples: readonly Example[],
  bonds: readonly NearPair[] = Sketches.of(examples.map((example) => example.text)).bonds(),
  strata = strataOf,
): Unit[] {
  const groups = new Groups(examples.length);
  const byGroup = new Map<string, number>();
  examples.forEach(({ group }, at) => {
    if (group === undefined) return;
    const first = byGroup.get(group);
    if (first === undefined) byGroup.set(group, at);
    else groups.join(first, at);
  });
  for (const { first, second } of bonds) groups.join(first, second);

  const units = new Map<number, Unit>();
  examples.forEach((example, at) => {
    const root = groups.of(at);
    const unit = units.get(root) ?? { members: [], classes: new Map<string, number>(), name: example.id };
    units.set(root, unit);
    unit.members.push(at);
    if (example.id < unit.name) unit.name = example.id;
    for (const stratum of strata(example)) unit.classes.set(stratum, (unit.classes.get(stratum) ?? 0) + 1);
  });
  return [...units.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

const distribute = (...given: Parameters<typeof distribution>): number[] => atOnce(distribution(...given));

/**
 * Bin of each example, so that every class is spread over the bins in proportion to their shares. Units of several
 * examples come first, each where it fits best. Single ones follow by iterative stratification (Sechidis, Tsoumakas and
 * Vlahavas, 2011): those of the rarest class first, each to the bin that wants its rarest class most, and where none wants
 * a whole example of it, to the one among those left that is most behind as a whole.
 */
function* distribution(
  examples: readonly unknown[],
  units: readonly Unit[],
  shares: readonly number[],
  random: () => number,
  options: { learnsFirst?: boolean; fixed?: ReadonlySet<Unit> } = {},
): Sliced<number[]> {
  const totals = new Map<string, number>();
  for (const { classes } of units)
    for (const [name, count] of classes) totals.set(name, (totals.get(name) ?? 0) + count);
  const wanted = shares.map((share) => new Map([...totals].map(([name, count]) => [name, share * count])));
  const room = shares.map((share) => share * examples.length);
  const started = new Set<string>();
  const bins = new Array<number>(examples.length).fill(0);

  const put = (unit: Unit, bin: number) => {
    const wants = wanted[bin]!;
    for (const [name, count] of unit.classes) wants.set(name, (wants.get(name) ?? 0) - count);
    room[bin] = room[bin]! - unit.members.length;
    for (const at of unit.members) bins[at] = bin;
    if (bin === 0) for (const name of unit.classes.keys()) started.add(name);
  };
  /** The bin where several examples at once bring classes and size closest to what is wanted, in relative squares. */
  const bestFit = (unit: Unit): number => {
    const costs = shares.map((share, bin) => {
      const size = unit.members.length;
      let cost = (size * (size - 2 * room[bin]!)) / (share * examples.length);
      for (const [name, count] of unit.classes) {
        cost += (count * (count - 2 * wanted[bin]!.get(name)!)) / (share * totals.get(name)!);
      }
      return cost;
    });
    return costs.indexOf(Math.min(...costs));
  };
  const rarest = (unit: Unit): string | null => {
    let found: string | null = null;
    for (const name of unit.classes.keys()) {
      if (found === null || totals.get(name)! < totals.get(found)!) found = name;
    }
    return found;
  };

  const queue = shuffled(units, random).map((unit) => {
    const name = rarest(unit);
    return { unit, name, total: name === null ? examples.length : totals.get(name)! };
  });
  queue.sort((a, b) => {
    const size = b.unit.members.length - a.unit.members.length;
    if (size !== 0) return size;
    if (a.total !== b.total) return a.total - b.total;
    return a.name === b.name ? 0 : (a.name ?? "") < (b.name ?? "") ? -1 : 1;
  });
  const order = [
    ...queue.filter(({ unit }) => options.fixed?.has(unit)),
    ...queue.filter(({ unit }) => !options.fixed?.has(unit)),
  ];

  // Sums of shares are off by rounding; a billionth of an example is no difference.
  const slack = 1e-9;
  for (const [at, { unit, name }] of order.entries()) {
    if (at % unitsAtOnce === 0) yield at / order.length;
    if (options.fixed?.has(unit) || (options.learnsFirst && name !== null && !started.has(name))) {
      put(unit, 0);
      continue;
    }
    if (unit.members.length > 1) {
      put(unit, bestFit(unit));
      continue;
    }
    const want = shares.map((_, bin) => (name === null ? room[bin]! : wanted[bin]!.get(name)!));
    const behind = shares.map((share, bin) => room[bin]! / share);
    const most = Math.max(...want);
    const candidates = shares.flatMap((_, bin) => {
      const here = want[bin]!;
      const wants = name === null || most >= 1 - slack ? here > most - slack : here > slack || most <= slack;
      return wants ? [bin] : [];
    });
    const furthest = Math.max(...candidates.map((bin) => behind[bin]!));
    const last = candidates.filter((bin) => behind[bin]! > furthest - slack);
    put(unit, last[Math.floor(random() * last.length)]!);
  }
  return bins;
}

function needBothSides(file: string, train: readonly unknown[], test: readonly unknown[]): void {
  if (train.length > 0 && test.length > 0) return;
  const total = train.length + test.length;
  const what =
    total === 0
      ? say`no example has an answer. Label some texts first`
      : total === 1
        ? say`only one example has an answer. Label more texts`
        : train.length === 0
          ? say`the training part would be empty: ${counted(total, "labelled example", "labelled examples")} cannot be parted (near duplicates, equal groups, or their \`split\`). Label more texts, or change \`split\``
          : say`the test part would be empty: ${counted(total, "labelled example", "labelled examples")} cannot be parted (near duplicates, equal groups, or their \`split\`). Label more texts, or change \`split\``;
  throw new PlumbError("no-split", `${shownPath(file)}: ${what}.`);
}
