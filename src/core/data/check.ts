import { answerOf } from "./answer";
import { comparedText, Sketches, sameTextKey, type NearPair } from "./duplicates";
import { measureLengths, type Lengths, type TokenCount, type TokenEncoder } from "./lengths";
import { quoted, quotedPair, type Fix, type Problem } from "./problem";
import type { LoadedExample } from "./read";
import { defaultTestShare, splitExamples, worthlessOverlap, type Split } from "./split";
import type { LoadedTask } from "./task";
import { PlumbError } from "../errors";
import { counted, decimals, grouped, inflected, say } from "../say";

/** Fewer test examples of a class than this say next to nothing about it. */
export const measurableTest = 10;
/** Fewer training examples than this are less than the default settings are made for. */
const usualTrain = 50;

export interface CheckOptions {
  /** Default: the task's, else 0. */
  seed?: number;
  /** Default: the task's, else 0.2. */
  testShare?: number;
  /** Most tokens that a text may have beside prompt, template and answer. Needed where a tokenizer is given. */
  textRoom?: number;
  /** Lengths of texts that are known already, from `countTokensInThreads`. */
  measured?: ReadonlyMap<string, TokenCount>;
}

/** One thing that is worth knowing about a task's data, with all places where it was found. */
export interface Finding {
  severity: Problem["severity"];
  /** For programs, e.g. "label-outside". */
  code: string;
  /** One sentence: what, how often, what it means. */
  message: string;
  /** Each with a sentence of its own; may be empty. `file` is null where a class or group is meant, `line` where a whole file is. */
  places: { file: string | null; line: number | null; message: string; fixes?: Fix[] }[];
}

/** Examples of one class. Of a multi-label task a text counts once for each of its labels. */
export interface ClassCount {
  /** null: texts to which no label applies. */
  label: string | null;
  all: number;
  train: number;
  test: number;
}

export interface CheckResult {
  task: string;
  name: string;
  kind: LoadedTask["task"]["kind"];
  files: { path: string; lines: number }[];
  /** Whether a run is neither impossible nor dishonest: no finding is an error. */
  runnable: boolean;
  /** What stops a run first, then warnings, then the rest. */
  findings: Finding[];
  counts: { examples: number; answered: number; unanswered: number; skipped: number };
  /** In the order of the label set; empty for generation. Train and test are 0 where no split can be made. */
  classes: ClassCount[];
  /** null where none can be made. */
  split: {
    made: Split["made"];
    train: number;
    test: number;
    seed: number | null;
    testShare: number | null;
  } | null;
  /** null where no tokenizer was given. */
  lengths: Omit<Lengths, "tooLong"> | null;
}

/**
 * Everything about a task's data that makes a run impossible, dishonest or weak, and counts of what there is.
 * @param tokenizer Of the base model; null leaves the lengths unchecked.
 */
export function checkTask(
  loaded: LoadedTask,
  tokenizer: TokenEncoder | null,
  options: CheckOptions = {},
): CheckResult {
  const { task, examples } = loaded;
  const skipped = examples.filter((example) => example.status === "skipped");
  const answered = examples.filter((example) => answerOf(task, example) !== null);
  const unanswered = examples.filter(
    (example) => example.status !== "skipped" && answerOf(task, example) === null,
  );

  // Answered ones first: a run draws its split among these alone.
  const texts = [...answered, ...unanswered];
  const sketches = Sketches.of(texts.map((example) => example.text));
  const findings = [...groupProblems(loaded.problems)];
  const add = (
    severity: Finding["severity"],
    code: string,
    message: string,
    places: Finding["places"] = [],
  ) => findings.push({ severity, code, message, places });

  if (examples.length === 0 && loaded.problems.length === 0) {
    add(
      "error",
      "no-examples",
      say`There are no examples. Write one JSON object a line into the examples file.`,
      loaded.files.map((file) => ({ file: file.path, line: null, message: "empty" })),
    );
  }
  const enough = checkAnswers(loaded, answered, add);

  let split: Split | null = null;
  if (enough) {
    try {
      split = splitExamples(loaded, {
        seed: options.seed ?? task.seed ?? 0,
        testShare: options.testShare ?? task.testShare ?? defaultTestShare,
        sketches,
      });
    } catch (error) {
      if (!(error instanceof PlumbError)) throw error;
      add("error", error.code, error.message);
    }
  }
  const classes = countClasses(loaded, answered, split);
  if (split !== null) {
    checkClasses(classes, split, add);
    checkSize(task.kind, split, add);
    checkGivenSplit(split, add);
    checkOverlap(texts, split, sketches, add);
  }
  const torn = split?.made === "drawn" && findings.some(({ code }) => code === "overlap-near");
  checkRepeats(loaded, texts, sketches, torn, add);

  let lengths: Lengths | null = null;
  if (tokenizer !== null && options.textRoom !== undefined) {
    lengths = measureLengths(
      texts.map((example) => example.text),
      tokenizer,
      options.textRoom,
      options.measured,
    );
    checkLengths(texts, lengths, add);
  }
  if (unanswered.length > 0 && answered.length > 0) {
    add(
      "info",
      "unanswered",
      say`${counted(unanswered.length, "example has", "examples have")} no answer yet; a run leaves them out.`,
    );
  }

  const order = { error: 0, warning: 1, info: 2 };
  findings.sort((a, b) => order[a.severity] - order[b.severity]);
  return {
    task: loaded.path,
    name: task.name,
    kind: task.kind,
    files: loaded.files,
    runnable: findings.every((finding) => finding.severity !== "error"),
    findings,
    counts: {
      examples: examples.length,
      answered: answered.length,
      unanswered: unanswered.length,
      skipped: skipped.length,
    },
    classes,
    split:
      split === null
        ? null
        : {
            made: split.made,
            train: split.train.length,
            test: split.test.length,
            seed: split.seed,
            testShare: split.testShare,
          },
    lengths:
      lengths === null
        ? null
        : { room: lengths.room, measured: lengths.measured, median: lengths.median, most: lengths.most },
  };
}

type Add = (severity: Finding["severity"], code: string, message: string, places?: Finding["places"]) => void;

const percent = (part: number, whole: number) => {
  const share = (100 * part) / whole;
  return say`${decimals(share < 10 ? Number(share.toFixed(1)) : Math.round(share))} %`;
};

/** What was noticed when the files were read, by kind of problem. */
function groupProblems(problems: readonly Problem[]): Finding[] {
  const titles: Partial<Record<string, (places: number, lines: number) => string>> = {
    "not-json": (n) =>
      say`${counted(n, "line is", "lines are")} not JSON. Correct or remove ${inflected(n, "it", "them")}.`,
    "wrong-field": (n) =>
      say`${counted(n, "field is", "fields are")} missing or ${inflected(n, "holds", "hold")} what cannot be used.`,
    "field-twice": (_, n) => say`${counted(n, "line names", "lines name")} a field twice.`,
    "nul-byte": (n) => say`${counted(n, "line holds", "lines hold")} a NUL byte.`,
    "not-utf8": (n) => say`${counted(n, "line is", "lines are")} not UTF-8.`,
    "wrong-encoding": () => say`The examples file is not UTF-8.`,
    "line-ends": () => say`The examples file has line ends that it must not have.`,
    "line-too-long": (n) => say`${counted(n, "line is", "lines are")} too long to be an example.`,
    "not-jsonl": () => say`The examples file is not JSON Lines.`,
    "id-twice": (n) => say`${counted(n, "example has", "examples have")} the id of an earlier one.`,
    "label-outside": (_, n) =>
      say`${counted(n, "answer names", "answers name")} a label that is not in the label set.`,
    "label-twice": (n) => say`${counted(n, "example names", "examples name")} a label twice.`,
    "wrong-answer-field": (n) =>
      say`${counted(n, "answer stands", "answers stand")} in a field of another kind of task.`,
    "split-contradicts": (n) =>
      say`${counted(n, "example contradicts", "examples contradict")} the file that it stands in.`,
    "labels-alike": (n) =>
      say`${counted(n, "label differs", "labels differ")} from another by case or blanks alone.`,
    "unknown-field": (n) => say`${counted(n, "field", "fields")} of the task may be mistyped.`,
  };
  const groups = new Map<string, Finding>();
  for (const { severity, code, file, line, message, fixes } of problems) {
    const key = `${severity} ${code}`;
    const group = groups.get(key) ?? { severity, code, message: "", places: [] };
    groups.set(key, group);
    group.places.push({ file, line, message, ...(fixes === undefined ? {} : { fixes }) });
  }
  for (const group of groups.values()) {
    const lines = new Set(group.places.map(({ file, line }) => `${file} ${line}`)).size;
    group.message =
      titles[group.code]?.(group.places.length, lines) ??
      say`${counted(group.places.length, "problem", "problems")}.`;
  }
  return [...groups.values()];
}

/** Whether there are answers enough, and different enough, for a run. */
function checkAnswers({ task, examples }: LoadedTask, answered: readonly LoadedExample[], add: Add): boolean {
  if (examples.length === 0) return false;
  const [first] = answered;
  if (first === undefined) {
    add(
      "error",
      "no-answers",
      say`None of ${counted(examples.length, "example", "examples")} has an answer. Label some texts first.`,
    );
    return false;
  }
  if (answered.length === 1) {
    add(
      "error",
      "one-example",
      say`Only one example has an answer: nothing is left to test with. Label more texts.`,
      [{ file: first.file, line: first.line, message: quoted(first.text) }],
    );
    return false;
  }
  if (task.kind === "single") {
    const known = new Set(task.labels?.map((label) => label.name));
    const used = new Set(
      answered.flatMap((example) => (known.has(example.label ?? "") ? [example.label] : [])),
    );
    if (used.size === 1) {
      const [only] = used;
      add(
        "error",
        "one-class",
        say`All ${counted(answered.length, "answer is", "answers are")} ${quoted(only ?? "")}. Label texts of a second class: there is nothing to tell apart.`,
      );
    }
    return used.size > 1;
  }
  if (task.kind === "multi" && answered.every((example) => example.labels?.length === 0)) {
    add(
      "error",
      "one-class",
      say`None of ${counted(answered.length, "answered text", "answered texts")} has any label. Label texts to which one applies.`,
    );
    return false;
  }
  return true;
}

function countClasses(
  { task }: LoadedTask,
  answered: readonly LoadedExample[],
  split: Split | null,
): ClassCount[] {
  if (task.kind === "generation") return [];
  const tally = (part: readonly LoadedExample[]) => {
    const counts = new Map<string | null, number>();
    const one = (label: string | null) => counts.set(label, (counts.get(label) ?? 0) + 1);
    for (const example of part) {
      const labels = task.kind === "single" ? [example.label ?? null] : (example.labels ?? []);
      if (labels.length === 0) one(null);
      for (const label of new Set(labels)) one(label);
    }
    return counts;
  };
  const all = tally(answered);
  const train = tally(split?.train ?? []);
  const test = tally(split?.test ?? []);
  const names: (string | null)[] = (task.labels ?? []).map((label) => label.name);
  if (task.kind === "multi") names.push(null);
  return names.map((label) => ({
    label,
    all: all.get(label) ?? 0,
    train: train.get(label) ?? 0,
    test: test.get(label) ?? 0,
  }));
}

function checkClasses(classes: readonly ClassCount[], split: Split, add: Add): void {
  const labels = classes.flatMap(({ label, ...counts }) => (label === null ? [] : [{ label, ...counts }]));
  const place = (message: string) => ({ file: null, line: null, message });
  const unused = labels.filter((label) => label.all === 0);
  if (unused.length > 0) {
    add(
      "warning",
      "class-unused",
      say`${counted(unused.length, "label has", "labels have")} no example and cannot be learned: ${unused.map((label) => label.label).join(", ")}.`,
    );
  }
  const unlearned = labels.filter((label) => label.all > 0 && label.train === 0);
  if (unlearned.length > 0) {
    add(
      "warning",
      "class-untrained",
      say`${counted(unlearned.length, "label has", "labels have")} test examples but none to learn from: ${unlearned.map((label) => label.label).join(", ")}.`,
    );
  }
  const weak = labels.filter((label) => label.all > 0 && label.test < measurableTest);
  if (weak.length > 0) {
    const share = split.testShare;
    add(
      "warning",
      "class-unmeasured",
      say`${counted(weak.length, "class has", "classes have")} fewer than ${counted(measurableTest, "test example", "test examples")}; what the report says about ${inflected(weak.length, "it", "them")} will be vague.`,
      weak.map(({ label, all, test }) => {
        const more =
          share === null ? measurableTest - test : Math.max(1, Math.ceil(measurableTest / share) - all);
        return place(
          share === null
            ? say`${label}: ${grouped(test)} in the test; ${counted(more, "more labelled test text", "more labelled test texts")} would do.`
            : say`${label}: ${grouped(test)} in the test; ${counted(more, "more labelled text", "more labelled texts")} would do.`,
        );
      }),
    );
  }
}

function checkSize(kind: LoadedTask["task"]["kind"], split: Split, add: Add): void {
  if (split.train.length < usualTrain) {
    add(
      "warning",
      "few-train",
      say`Only ${counted(split.train.length, "example", "examples")} to learn from. The default settings are made for ${usualTrain} and more.`,
    );
  }
  if (kind === "generation" && split.test.length < measurableTest) {
    add(
      "warning",
      "few-test",
      say`Only ${counted(split.test.length, "example", "examples")} in the test: its scores will be vague.`,
    );
  }
}

function checkGivenSplit(split: Split, add: Add): void {
  if (split.made !== "given") return;
  const without = split.train.filter((example) => example.split === undefined);
  if (without.length > 0) {
    add(
      "info",
      "split-missing",
      say`${counted(without.length, "example has", "examples have")} no "split" and ${inflected(without.length, "is", "are")} used for training, as others are marked for the test.`,
    );
  }
  const sides = new Map<string, { train: number; test: number }>();
  for (const side of ["train", "test"] as const)
    for (const { group } of split[side]) {
      if (group === undefined) continue;
      const counts = sides.get(group) ?? { train: 0, test: 0 };
      sides.set(group, counts);
      counts[side]++;
    }
  const torn = [...sides].filter(([, { train, test }]) => train > 0 && test > 0);
  if (torn.length > 0) {
    add(
      "warning",
      "group-torn",
      say`${counted(torn.length, "group stands", "groups stand")} on both sides of the split: the test then asks about authors or threads that the model has learned from.`,
      torn.map(([group, { train, test }]) => ({
        file: null,
        line: null,
        message: say`group ${quoted(group)}: ${train} for training, ${test} in the test`,
      })),
    );
  }
}

/** Test texts that also stand in the training part. A drawn split has them only where too many texts are alike. */
function checkOverlap(texts: readonly LoadedExample[], split: Split, sketches: Sketches, add: Add): void {
  const places = new Map(texts.map((example, index) => [example, index]));
  const indices = (part: readonly LoadedExample[]) => part.flatMap((example) => places.get(example) ?? []);
  const test = indices(split.test);
  const train = indices(split.train);
  const trainTexts = new Map(train.map((index) => [comparedText(texts[index]!.text), index]));
  const same: NearPair[] = [];
  const different: number[] = [];
  for (const index of test) {
    const twin = trainTexts.get(comparedText(texts[index]!.text));
    if (twin === undefined) different.push(index);
    else same.push({ first: index, second: twin, similarity: 1 });
  }
  const remedy =
    split.made === "given"
      ? say`Remove them from one part, or leave "split" out: Plumb then draws a split that keeps them together.`
      : say`Too many texts follow one pattern to be kept on one side; more varied texts would help.`;
  if (same.length > 0) {
    add(
      "error",
      "overlap-same",
      say`${counted(same.length, "test text also stands", "test texts also stand")} in the training part (${percent(same.length, test.length)} of the test): the model would be asked what it was told. ${remedy}`,
      same.map(({ first, second }) => pairPlace(texts, first, second)),
    );
  }
  const near = sketches.closest(different, train).sort((a, b) => b.similarity - a.similarity);
  if (near.length > 0) {
    const worthless = near.length >= worthlessOverlap * test.length;
    add(
      worthless ? "error" : "warning",
      "overlap-near",
      say`${counted(near.length, "test text has", "test texts have")} a near duplicate in the training part (${percent(near.length, test.length)} of the test): the result ${worthless ? say`would say little` : say`will look better than it is`} about new texts. ${remedy}`,
      near.map(({ first, second, similarity }) => pairPlace(texts, first, second, similarity)),
    );
  }
}

/**
 * Exact and near duplicates, and the same text with two answers.
 * @param torn Whether the split that Plumb drew has near duplicates on both sides.
 */
function checkRepeats(
  { task, examples }: LoadedTask,
  texts: readonly LoadedExample[],
  sketches: Sketches,
  torn: boolean,
  add: Add,
): void {
  const firsts = new Map<string, number>();
  const repeats: NearPair[] = [];
  const conflicts: Finding["places"] = [];
  const disputed = new Set<string>();
  texts.forEach((example, index) => {
    const key = sameTextKey(example.text);
    const first = firsts.get(key);
    if (first === undefined) {
      firsts.set(key, index);
      return;
    }
    repeats.push({ first: index, second: first, similarity: 1 });
    const other = texts[first]!;
    const one = answerOf(task, other);
    const two = answerOf(task, example);
    if (one === null || two === null || task.kind === "generation") return;
    if (answerKey(one) !== answerKey(two)) {
      disputed.add(key);
      conflicts.push({
        ...placeOf(example),
        message: say`${shownAnswer(two)}, but ${shownAnswer(one)} in ${lineOf(other, example)}: ${quoted(example.text)}`,
      });
    }
  });
  if (conflicts.length > 0) {
    add(
      "warning",
      "two-answers",
      say`${counted(disputed.size, "text has", "texts have")} two different answers. Decide for one, or leave all without an answer.`,
      conflicts,
    );
  }
  if (repeats.length > 0) {
    const order = new Map(examples.map((example, at) => [example, at]));
    const orderOf = ({ first }: NearPair) => order.get(texts[first]!)!;
    repeats.sort((a, b) => orderOf(a) - orderOf(b));
    const repeated = new Set(repeats.map(({ second }) => second)).size;
    add(
      "warning",
      "duplicates",
      say`${counted(repeated, "text stands", "texts stand")} more than once; each counts as often as it stands.`,
      repeats.map(({ first, second }) => pairPlace(texts, first, second)),
    );
  }
  const exact = new Set(repeats.map(({ first }) => first));
  const near = sketches
    .pairs()
    .filter(({ second }) => !exact.has(second))
    .sort((a, b) => b.similarity - a.similarity);
  if (near.length > 0) {
    add(
      "info",
      "near-duplicates",
      torn
        ? say`${counted(near.length, "text is a near duplicate", "texts are near duplicates")} of another.`
        : say`${counted(near.length, "text is a near duplicate", "texts are near duplicates")} of another. A split that Plumb draws keeps such texts on one side.`,
      near.map(({ first, second, similarity }) => pairPlace(texts, second, first, similarity)),
    );
  }
}

/** What is wrong with texts that are longer than the room. */
export function lengthFindings(texts: readonly LoadedExample[], lengths: Pick<Lengths, "room" | "tooLong">) {
  const findings: Finding[] = [];
  checkLengths(texts, lengths, (severity, code, message, places = []) =>
    findings.push({ severity, code, message, places }),
  );
  return findings;
}

function checkLengths(
  texts: readonly LoadedExample[],
  { room, tooLong }: Pick<Lengths, "room" | "tooLong">,
  add: Add,
): void {
  const places = (long: Lengths["tooLong"]) =>
    long.map(({ index, tokens, exact }) => {
      const example = texts[index]!;
      return {
        ...placeOf(example),
        message: exact
          ? say`${counted(tokens, "token", "tokens")}: ${quoted(example.text)}`
          : say`about ${counted(tokens, "token", "tokens")}: ${quoted(example.text)}`,
      };
    });
  const aside = ({ id }: LoadedExample): Fix => ({
    ...{ what: "aside", from: "", to: "", id },
    ...{ set: { status: "skipped" }, remove: [] },
  });
  // Of a text twice as long as the room the model would see less than half.
  const mostlyUnseen = tooLong.filter(({ tokens }) => tokens > 2 * room);
  const cut = tooLong.filter(({ tokens }) => tokens <= 2 * room);
  if (mostlyUnseen.length > 0) {
    add(
      "error",
      "text-far-too-long",
      say`${counted(mostlyUnseen.length, "text is", "texts are")} more than twice as long as the model can read (${counted(room, "token", "tokens")}): it would judge what it has mostly not seen. Shorten or part them, set "status": "skipped", or take a base model with a longer context.`,
      places(mostlyUnseen).map((place, at) => ({
        ...place,
        fixes: [aside(texts[mostlyUnseen[at]!.index]!)],
      })),
    );
  }
  if (cut.length > 0) {
    add(
      "warning",
      "text-too-long",
      say`${counted(cut.length, "text is", "texts are")} longer than the model can read (${counted(room, "token", "tokens")}); the middle is cut out, at a visible mark.`,
      places(cut),
    );
  }
}

function pairPlace(
  texts: readonly LoadedExample[],
  index: number,
  other: number,
  similarity?: number,
): Finding["places"][number] {
  const [one, two] = [texts[index]!, texts[other]!];
  const where = lineOf(two, one);
  if (similarity === undefined) return { ...placeOf(one), message: say`also ${where}: ${quoted(one.text)}` };
  return {
    ...placeOf(one),
    message: say`${Math.round(100 * similarity)} % like ${where}: ${quotedPair(one.text, two.text)}`,
  };
}

const placeOf = ({ file, line }: LoadedExample) => ({ file, line });

/** `line 17`, with the file's name where it is another one. */
function lineOf(example: LoadedExample, from: LoadedExample): string {
  const name = example.file.slice(
    Math.max(example.file.lastIndexOf("/"), example.file.lastIndexOf("\\")) + 1,
  );
  return example.file === from.file ? say`line ${example.line}` : say`${name}, line ${example.line}`;
}

const answerKey = (answer: string | string[]) =>
  Array.isArray(answer) ? JSON.stringify([...new Set(answer)].sort()) : answer;

function shownAnswer(answer: string | string[]): string {
  if (!Array.isArray(answer)) return quoted(answer);
  return answer.length === 0 ? say`no label` : answer.map(quoted).join(" + ");
}
