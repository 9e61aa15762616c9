import assert from "node:assert/strict";
import { checkTask, loadTask, type CheckResult } from "../../../src/core/data";
import { TestFolder, textOf } from "./folder";

/** A word is a token: enough to count by hand. */
const wordTokens = { encode: (text: string) => text.split(" ").map((_, at) => at) };

const many = (count: number, fields: (n: number) => object = () => ({})) =>
  Array.from({ length: count }, (_, n) => ({
    id: `e${n}`,
    text: textOf(n),
    label: n % 2 === 0 ? "positive" : "negative",
    ...fields(n),
  }));

describe("check of a task", () => {
  let folder: TestFolder;
  beforeEach(async () => {
    folder = await TestFolder.make();
  });
  afterEach(() => folder.remove());

  const check = async (examples: readonly object[], task: Record<string, unknown> = {}, room?: number) => {
    const loaded = await loadTask(await folder.writeTask(examples, task));
    return checkTask(
      loaded,
      room === undefined ? null : wordTokens,
      room === undefined ? {} : { textRoom: room },
    );
  };
  const codes = (result: CheckResult, severity?: string) =>
    result.findings
      .filter((finding) => severity === undefined || finding.severity === severity)
      .map(({ code }) => code);
  const find = (result: CheckResult, code: string) => {
    const found = result.findings.find((finding) => finding.code === code);
    assert.ok(found, `no finding ${code} among ${codes(result).join(", ")}`);
    return found;
  };

  it("finds nothing to say about good data, and counts it", async () => {
    const result = await check(many(120));
    assert.deepEqual(result.findings, []);
    assert.equal(result.runnable, true);
    assert.deepEqual(result.counts, { examples: 120, answered: 120, unanswered: 0, skipped: 0 });
    assert.deepEqual(result.classes, [
      { label: "negative", all: 60, train: 48, test: 12 },
      { label: "positive", all: 60, train: 48, test: 12 },
    ]);
    assert.deepEqual(result.split, { made: "drawn", train: 96, test: 24, seed: 0, testShare: 0.2 });
    assert.equal(result.lengths, null);
  });

  it("takes share and seed from the task, and from the caller before it", async () => {
    const loaded = await loadTask(await folder.writeTask(many(120), { seed: 7, testShare: 0.5 }));
    assert.deepEqual(checkTask(loaded, null).split, {
      made: "drawn",
      train: 60,
      test: 60,
      seed: 7,
      testShare: 0.5,
    });
    assert.deepEqual(checkTask(loaded, null, { seed: 1, testShare: 0.1 }).split, {
      made: "drawn",
      train: 108,
      test: 12,
      seed: 1,
      testShare: 0.1,
    });
  });

  const stops: [name: string, examples: object[], code: string, message: RegExp][] = [
    ["an empty file", [], "no-examples", /no examples/],
    [
      "no answer at all",
      many(3, () => ({ label: undefined })),
      "no-answers",
      /^None of 3 examples has an answer\. Label some texts first\.$/,
    ],
    [
      "one answer",
      many(3, (n) => (n === 0 ? {} : { label: undefined })),
      "one-example",
      /Only one example has an answer/,
    ],
    [
      "one class",
      many(30, () => ({ label: "positive" })),
      "one-class",
      /^All 30 answers are "positive"\. Label texts of a second class/,
    ],
    [
      "a label outside the set",
      many(120, (n) => (n === 5 ? { label: "postive" } : {})),
      "label-outside",
      /^1 answer names a label that is not in the label set\.$/,
    ],
    ["one group", many(120, () => ({ group: "all" })), "no-split", /test part would be empty/],
    [
      "a test text to learn from",
      many(120, (n) => ({
        split: n < 90 ? "train" : "test",
        ...(n === 100 ? { text: `${textOf(10).toUpperCase()}!` } : {}),
      })),
      "overlap-same",
      /^1 test text also stands in the training part \(3\.3 % of the test\)/,
    ],
    [
      "a test that is nearly all known",
      many(120, (n) => ({
        split: n < 90 ? "train" : "test",
        ...(n >= 90 ? { text: `${textOf(n - 90)} x` } : {}),
      })),
      "overlap-near",
      /^30 test texts have a near duplicate in the training part \(100 % of the test\): the result would say little/,
    ],
  ];
  for (const [name, examples, code, message] of stops) {
    it(`stops a run with ${name}`, async () => {
      const result = await check(examples);
      assert.equal(result.runnable, false);
      assert.deepEqual(codes(result, "error"), [code]);
      assert.match(find(result, code).message, message);
    });
  }

  it("stops a run of a multi-label task where no label applies anywhere", async () => {
    const result = await check(
      many(60, () => ({ label: undefined, labels: [] })),
      { kind: "multi" },
    );
    assert.deepEqual(codes(result, "error"), ["one-class"]);
  });

  it("stops a run with broken lines, and counts the others", async () => {
    const file = await folder.writeTask([]);
    const lines = many(120).map((value, n) => (n === 7 ? '{"id": 7,}' : JSON.stringify(value)));
    await folder.write("examples.jsonl", lines.join("\n"));
    const result = checkTask(await loadTask(file), null);
    assert.deepEqual(codes(result), ["not-json"]);
    assert.deepEqual(
      find(result, "not-json").places.map(({ line }) => line),
      [8],
    );
    assert.equal(result.counts.examples, 119);
    assert.deepEqual(result.files, [{ path: folder.at("examples.jsonl"), lines: 120 }]);
  });

  it("says what stops a run first, then warnings, then the rest", async () => {
    const examples = many(120, (n) =>
      n === 3 ? { label: "x" } : n === 4 ? { label: undefined } : n === 6 ? { text: textOf(8) } : {},
    );
    const result = await check(examples);
    const order = ["error", "warning", "info"];
    const seen = result.findings.map(({ severity }) => order.indexOf(severity));
    assert.deepEqual(seen, [...seen].sort());
    assert.deepEqual(new Set(seen), new Set([0, 1, 2]));
  });

  it("counts examples whose id is taken, not ids, as one may be taken by several", async () => {
    const result = await check(
      many(120, (n) => (n < 3 || n === 9 || n === 10 ? { id: `e${n < 3 ? 0 : 9}` } : {})),
    );
    assert.equal(find(result, "id-twice").message, "3 examples have the id of an earlier one.");
    assert.equal(find(result, "id-twice").places.length, 3);
    const one = await check(many(120, (n) => (n === 5 ? { id: "e0" } : {})));
    assert.equal(find(one, "id-twice").message, "1 example has the id of an earlier one.");
  });

  it("warns of few examples, and says how many are missing", async () => {
    const result = await check(
      many(100, (n) => ({ label: n < 80 ? "positive" : "negative" })),
      {
        labels: [{ name: "positive" }, { name: "negative" }, { name: "never" }],
      },
    );
    assert.equal(result.runnable, true);
    assert.match(
      find(result, "class-unused").message,
      /^1 label has no example and cannot be learned: never\.$/,
    );
    assert.deepEqual(
      find(result, "class-unmeasured").places.map(({ message }) => message),
      ["negative: 4 in the test; 30 more labelled texts would do."],
    );
    assert.equal(find(await check(many(40)), "few-train").severity, "warning");
  });

  it("takes the number of missing test texts from a given split", async () => {
    const result = await check(many(100, (n) => ({ split: n < 90 ? "train" : "test" })));
    assert.deepEqual(
      find(result, "class-unmeasured").places.map(({ message }) => message),
      [
        "negative: 5 in the test; 5 more labelled test texts would do.",
        "positive: 5 in the test; 5 more labelled test texts would do.",
      ],
    );
  });

  it("warns of a class that is tested but not learned", async () => {
    const result = await check(
      many(120, (n) => ({
        split: n % 2 === 0 || n < 20 ? "train" : "test",
        label: n % 2 === 0 || n < 20 ? "positive" : "negative",
      })),
    );
    assert.match(find(result, "class-untrained").message, /none to learn from: negative/);
  });

  it("tells repeated texts, near duplicates and two answers apart", async () => {
    const examples = many(120, (n) => {
      if (n === 11) return { text: ` ${textOf(1)}`, label: "negative" };
      if (n === 12) return { text: textOf(1), label: "positive" };
      if (n === 20) return { text: `${textOf(2)} x` };
      return {};
    });
    const result = await check(examples);
    const lines = (code: string) => find(result, code).places.map(({ line }) => line);
    assert.deepEqual(lines("duplicates"), [12, 13]);
    assert.deepEqual(lines("two-answers"), [13]);
    assert.match(find(result, "two-answers").places[0]!.message, /^"positive", but "negative" in line 2: /);
    assert.deepEqual(lines("near-duplicates"), [21]);
    assert.match(find(result, "near-duplicates").places[0]!.message, /^\d\d % like line 3: /);
    assert.deepEqual(
      [find(result, "two-answers").severity, find(result, "near-duplicates").severity],
      ["warning", "info"],
    );
  });

  it("counts a text once, however often it stands, and names its places in the order of the lines", async () => {
    const again = new Map([
      [0, [1, undefined]],
      [11, [1, "positive"]],
      [12, [1, "positive"]],
      [13, [5, "negative"]],
    ] as const);
    const result = await check(
      many(120, (n) => {
        const [text, label] = again.get(n as 0) ?? [n, n % 2 === 0 ? "positive" : "negative"];
        return { text: textOf(text), label };
      }),
    );
    const repeated = find(result, "duplicates");
    assert.match(repeated.message, /^2 texts stand more than once;/);
    assert.deepEqual(
      repeated.places.map(({ line }) => line),
      [1, 12, 13, 14],
    );
    const disputed = find(result, "two-answers");
    assert.match(disputed.message, /^1 text has two different answers\./);
    assert.equal(disputed.places.length, 2);
  });

  it("promises no side for near duplicates where the split that it drew has them on both", async () => {
    const promise = /A split that Plumb draws keeps such texts on one side\.$/;
    const some = await check(many(120, (n) => (n === 20 ? { text: `${textOf(2)} x` } : {})));
    assert.match(find(some, "near-duplicates").message, promise);
    const pattern = await check(
      many(100, (n) => ({
        text: `Dear customer, your order number ${(n * 7919) % 1000} was sent to you by our fast service today, as you had asked us to`,
      })),
    );
    assert.ok(codes(pattern).includes("overlap-near"));
    assert.match(find(pattern, "near-duplicates").message, /^\d+ texts are near duplicates of another\.$/);
  });

  it("counts lines where a line has the same fault twice", async () => {
    const result = await check(
      many(60, (n) => ({ label: undefined, labels: n < 2 ? ["no", "nor"] : ["positive"] })),
      { kind: "multi" },
    );
    const outside = find(result, "label-outside");
    assert.equal(outside.message, "2 answers name a label that is not in the label set.");
    assert.equal(outside.places.length, 4);
  });

  it("does not take the order of labels, or a second output of a generation task, for another answer", async () => {
    const multi = await check(
      many(60, (n) => ({
        label: undefined,
        labels: n % 2 === 0 ? ["negative", "positive"] : ["positive", "negative"],
        text: textOf(n >> 1),
      })),
      { kind: "multi" },
    );
    assert.ok(codes(multi).includes("duplicates") && !codes(multi).includes("two-answers"));
    const generation = await check(
      many(60, (n) => ({ label: undefined, target: `${n}`, text: textOf(n >> 1) })),
      { kind: "generation", labels: undefined },
    );
    assert.ok(codes(generation).includes("duplicates") && !codes(generation).includes("two-answers"));
    assert.deepEqual(generation.classes, []);
  });

  it("warns of some near duplicates across a given split, naming both places", async () => {
    const result = await check(
      many(120, (n) => ({
        split: n < 90 ? "train" : "test",
        ...(n === 100 ? { text: `${textOf(10)} x` } : {}),
      })),
    );
    const finding = find(result, "overlap-near");
    assert.deepEqual([finding.severity, result.runnable], ["warning", true]);
    assert.deepEqual(
      finding.places.map(({ line }) => line),
      [101],
    );
    assert.match(finding.places[0]!.message, /like line 11: /);
  });

  it("keeps repeated texts together where it draws the split, so that none is in train and test", async () => {
    const result = await check(
      many(240, (n) => ({ text: textOf(n >> 1), label: (n >> 1) % 2 === 0 ? "positive" : "negative" })),
    );
    assert.ok(!codes(result).some((code) => code.startsWith("overlap")));
    assert.equal(result.runnable, true);
  });

  it("warns of groups on both sides of a given split, and of examples without one", async () => {
    const result = await check(
      many(120, (n) => ({ split: n < 60 ? "train" : n < 100 ? "test" : undefined, group: `g${n % 70}` })),
    );
    const { places } = find(result, "group-torn");
    assert.equal(places.length, 30);
    assert.deepEqual(places[0], {
      file: null,
      line: null,
      message: 'group "g0": 1 for training, 1 in the test',
    });
    assert.match(
      find(result, "split-missing").message,
      /^20 examples have no "split" and are used for training/,
    );
  });

  it("calls no group torn whose texts on one side are not used", async () => {
    const result = await check(
      many(120, (n) => ({
        split: n < 60 ? "train" : "test",
        ...(n < 40 || n >= 80 ? { group: `g${n % 40}` } : {}),
        ...(n >= 100 ? { label: undefined } : n >= 80 ? { status: "skipped" } : {}),
      })),
    );
    assert.equal(result.split?.test, 20);
    assert.ok(!codes(result).includes("group-torn"));
  });

  it("counts labels of a multi-label task, and texts without any", async () => {
    const result = await check(
      many(120, (n) => ({
        label: undefined,
        labels: n % 3 === 0 ? [] : n % 3 === 1 ? ["positive"] : ["positive", "negative"],
      })),
      { kind: "multi" },
    );
    assert.deepEqual(
      result.classes.map(({ label, all }) => [label, all]),
      [
        ["negative", 40],
        ["positive", 80],
        [null, 40],
      ],
    );
    for (const { all, train, test } of result.classes) assert.equal(train + test, all);
  });

  it("measures texts in tokens; cuts some, and refuses those of which most would be cut", async () => {
    const long = (n: number) => ({ text: `${textOf(n)} ${"and so on ".repeat(60)}`.trim() });
    const longer = { text: "word ".repeat(5000).trim() };
    const examples = many(120, (n) => (n === 3 || n === 4 ? long(n) : n === 5 ? longer : {}));
    const result = await check(examples, {}, 150);
    assert.deepEqual(
      find(result, "text-too-long").places.map(({ line }) => line),
      [4, 5],
    );
    assert.match(find(result, "text-too-long").places[0]!.message, /^188 tokens: /);
    assert.equal(find(result, "text-too-long").severity, "warning");
    assert.deepEqual(
      find(result, "text-far-too-long").places.map(({ line }) => line),
      [6],
    );
    assert.match(find(result, "text-far-too-long").places[0]!.message, /^about 5,0\d\d tokens: /);
    assert.equal(result.runnable, false);
    assert.deepEqual(result.lengths, { room: 150, measured: 120, median: 8, most: 188 });
  });

  it("finds a text that is longer in tokens than in characters", async () => {
    const bytes = { encode: (text: string) => [...Buffer.from(text)] };
    const loaded = await loadTask(
      await folder.writeTask(many(120, (n) => (n === 0 ? { text: "明".repeat(80) } : {}))),
    );
    const result = checkTask(loaded, bytes, { textRoom: 200 });
    assert.match(find(result, "text-too-long").places[0]!.message, /^240 tokens/);
    assert.equal(find(result, "text-too-long").places.length, 1);
  });

  it("tokenises a sample of a large file, and of long texts a smaller one", async () => {
    let characters = 0;
    const encoder = { encode: (text: string) => ((characters += text.length), text.split(" ")) as never };
    const shorts = many(3000, (n) => ({
      text: Array.from({ length: 1 + (n % 50) }, (_, at) => `w${n}${at}`).join(" "),
    }));
    const { lengths } = checkTask(await loadTask(await folder.writeTask(shorts)), encoder, {
      textRoom: 5000,
    });
    assert.equal(lengths?.measured, 2000);
    assert.ok(
      Math.abs(lengths.median - 25) <= 2 && Math.abs(lengths.most - 50) <= 1,
      JSON.stringify(lengths),
    );
    characters = 0;
    const longs = many(600, (n) => ({ text: `${textOf(n)} `.repeat(60) }));
    const long = checkTask(await loadTask(await folder.writeTask(longs)), encoder, { textRoom: 20_000 });
    assert.ok(long.lengths!.measured > 100 && long.lengths!.measured < 500);
    assert.ok(characters < 1_100_000, `${characters}`);
  });

  it("does not tokenise the whole of a text that is far too long", async () => {
    let longest = 0;
    const loaded = await loadTask(
      await folder.writeTask(many(120, (n) => (n === 0 ? { text: "a".repeat(2_000_000) } : {}))),
    );
    const encoder = {
      encode: (text: string) => ((longest = Math.max(longest, text.length)), Array.from(text, () => 0)),
    };
    const result = checkTask(loaded, encoder, { textRoom: 500 });
    assert.match(find(result, "text-far-too-long").places[0]!.message, /^about 2,000,000 tokens/);
    assert.ok(longest < 20_000, `${longest} characters tokenised at once`);
  });

  it("leaves what is set aside out of everything but its count", async () => {
    const result = await check(
      many(122, (n) => (n >= 120 ? { status: "skipped", text: textOf(0), label: "nonsense" } : {})),
    );
    assert.deepEqual(result.findings, []);
    assert.deepEqual(result.counts, { examples: 122, answered: 120, unanswered: 0, skipped: 2 });
  });
});
