import assert from "node:assert/strict";
import fc from "fast-check";
import type { Batch, Session } from "../../../src/core/engine";
import type { Task } from "../../../src/core/schema";
import {
  answerLoss,
  answerTokens,
  buildLayout,
  encodeAnswer,
  encodeText,
  generationSegments,
  promptTokens,
  readProbabilities,
  scoringBatch,
  scoringRows,
  trainingBatch,
  trainingRows,
  type Item,
  type Layout,
} from "../../../src/core/tuning/layout";
import { buildLabelTree, labelLogProbabilities } from "../../../src/core/tuning/labels";
import { fakeEngine, fakeTable, fakeTokenizer } from "./fake-engine";

const task = (kind: Task["kind"], labels: string[], more: Partial<Task> = {}): Task => ({
  version: 1,
  name: "moods",
  kind,
  examples: "moods.jsonl",
  ...(kind === "generation" ? {} : { labels: labels.map((name) => ({ name })) }),
  ...more,
});
const layoutOf = (of: Task, promptLength = 4, maxTokens = 512) =>
  buildLayout(of, fakeTokenizer, { promptLength, maxTokens, answerRoom: 12 });
const itemOf = (layout: Layout, text: string, answer: string | string[], id = text): Item => ({
  id,
  text: encodeText(layout, fakeTokenizer, text),
  answer: encodeAnswer(layout, fakeTokenizer, answer),
});
const words = (...labels: string[]) => labels.map((label) => fakeTokenizer.encode(` ${label}`));
const tree = (...labels: string[]) => buildLabelTree(words(...labels), fakeTokenizer.endOfText, labels);
const equalWeight = () => ({ example: 1 });

/** A session whose parameters are far from their start, so that nothing is equal by accident. */
async function trainedSession(promptLength = 4): Promise<Session> {
  const model = await fakeEngine().openModel(fakeTable);
  const session = await model.openSession({ method: { promptLength, biases: ["q"] } });
  const values = await session.read();
  values.forEach((_, i) => (values[i] = Math.sin(i * 12.9898) * 1.5));
  await session.write(values);
  return session;
}

async function scoresOf(session: Session, layout: Layout, texts: readonly string[]): Promise<number[][]> {
  const scoring = scoringBatch(
    layout,
    texts.map((text) => encodeText(layout, fakeTokenizer, text)),
  );
  return readProbabilities(layout, scoring, (await session.score(scoring.batch)).choices);
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const near = (actual: number, expected: number, what: string) =>
  assert.ok(Math.abs(actual - expected) < 1e-5, `${what}: ${actual}, expected ${expected}`);

/** Distinct lists of tokens, some of which begin others. */
const labelSets = fc.uniqueArray(fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }), {
  minLength: 2,
  maxLength: 8,
  selector: (tokens) => tokens.join(),
});

describe("label tree", () => {
  it("gives probabilities that sum to 1 over any labels, whatever the model says", () => {
    fc.assert(
      fc.property(labelSets, fc.integer(), (labels, seed) => {
        const built = buildLabelTree(
          labels,
          99,
          labels.map((tokens) => tokens.join()),
        );
        const logs = built.branches.map(({ candidates }, branch) => {
          const raw = candidates.map((_, i) => Math.exp(Math.sin(seed + branch * 7 + i * 3)));
          return raw.map((value) => Math.log(value / sum(raw)));
        });
        const all = labelLogProbabilities(built, (branch, candidate) => logs[branch]![candidate]!);
        assert.ok(Math.abs(sum(all.map(Math.exp)) - 1) < 1e-9);
      }),
      { seed: 11 },
    );
  });

  it("leads every label along its own tokens, with the end mark where a longer label goes on", () => {
    fc.assert(
      fc.property(labelSets, (labels) => {
        const built = buildLabelTree(
          labels,
          99,
          labels.map((tokens) => tokens.join()),
        );
        labels.forEach((tokens, label) => {
          const path = built.paths[label]!;
          const last = path.at(-1)!;
          const choice = built.branches[last.branch]!.candidates[last.candidate]!;
          const before = answerTokens(built, label);
          const isBeginning = labels.some(
            (other) => other.length > tokens.length && tokens.every((token, i) => other[i] === token),
          );
          assert.deepEqual(before, tokens.slice(0, before.length));
          assert.equal(choice, isBeginning ? 99 : tokens[before.length]);
        });
      }),
      { seed: 12 },
    );
  });

  it("needs no answer tokens where all labels differ in their first token", () => {
    const built = tree("good", "bad", "ugly");
    assert.equal(built.branches.length, 1);
    for (const label of [0, 1, 2]) assert.deepEqual(answerTokens(built, label), []);
  });

  it("refuses two labels of the same tokens and names both", () => {
    assert.throws(() => tree("good", "bad", "good"), /"good" and "good" are the same tokens/);
  });
});

describe("layout", () => {
  it("puts vectors at the right between text and answer, numbered behind those at the left", () => {
    const of = task("single", ["happy", "sad"]);
    const layout = buildLayout(of, fakeTokenizer, { promptLength: 2, promptRight: 3, maxTokens: 99 });
    assert.deepEqual(layout.prefix, [-1, -2]);
    const { tokens } = encodeText(layout, fakeTokenizer, "ugly");
    assert.deepEqual(tokens, [
      ...fakeTokenizer.encode("ugly"),
      ...fakeTokenizer.encode("\nAnswer:"),
      -3,
      -4,
      -5,
    ]);
    const plain = buildLayout(of, fakeTokenizer, { promptLength: 2, maxTokens: 99 });
    assert.equal(layout.textRoom, plain.textRoom - 3);
  });

  it("puts the beginning mark first where the model has one, then the vectors, then the template", () => {
    const before = task("single", ["good", "bad"], { template: { before: "text: ", after: "\nAnswer:" } });
    const withMark = buildLayout(before, { ...fakeTokenizer, bos: 7 }, { promptLength: 2, maxTokens: 99 });
    assert.deepEqual(withMark.prefix, [7, -1, -2, ...fakeTokenizer.encode("text: ")]);
    assert.deepEqual(layoutOf(task("single", ["good", "bad"]), 1).prefix, [-1]);
  });

  it("keeps beginning and end of a text that is too long, with a mark between, within the room", () => {
    const layout = layoutOf(task("single", ["good", "bad"]), 4, 64);
    const long = "abc".repeat(100);
    const { tokens, cut } = encodeText(layout, fakeTokenizer, long);
    const shown = fakeTokenizer.decode([...tokens]);
    assert.ok(cut);
    assert.equal(tokens.length, layout.textRoom + layout.after.length);
    assert.match(shown, /^abcabc.*\[\.\.\.\].*abc\nAnswer:$/s);
    assert.equal(encodeText(layout, fakeTokenizer, "short").cut, false);
  });

  it("keeps prefix, text and any answer within the limit, for every kind", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<Task["kind"]>("single", "multi", "generation"),
        fc.string({ maxLength: 300 }),
        fc.integer({ min: 64, max: 200 }),
        (kind, text, limit) => {
          const layout = layoutOf(task(kind, ["good", "good or bad", "ugly"]), 4, limit);
          const { tokens } = encodeText(layout, fakeTokenizer, text);
          assert.ok(layout.prefix.length + tokens.length + layout.answerRoom <= limit);
        },
      ),
      { seed: 13 },
    );
  });

  it("refuses a layout that leaves no room for a text", () => {
    assert.throws(() => layoutOf(task("single", ["good", "bad"]), 40, 50), /leave no room for a text/);
  });

  it("starts the prompt from instruction and label words, repeated or cut to its length", () => {
    const of = task("single", ["good", "bad"], { instruction: "the text" });
    const all = fakeTokenizer.encode("the text good, bad");
    assert.deepEqual(promptTokens(of, fakeTokenizer, { promptLength: all.length }), all);
    assert.deepEqual(promptTokens(of, fakeTokenizer, { promptLength: 2 }), all.slice(0, 2));
    assert.deepEqual(
      promptTokens(of, fakeTokenizer, { promptLength: all.length + 3 }).slice(-3),
      all.slice(0, 3),
    );
  });

  it("reads label words where they differ from the names", () => {
    const of = task("single", []);
    of.labels = [
      { name: "1", word: "good" },
      { name: "2", word: "bad" },
    ];
    const layout = layoutOf(of);
    assert.deepEqual(layout.labels, ["1", "2"]);
    assert.deepEqual(
      layout.tree?.branches[0]?.candidates,
      [" good", " bad"].flatMap((word) => fakeTokenizer.encode(word)),
    );
  });
});

describe("batches", () => {
  const labels = ["good", "good or bad", "bad", "bad or ugly", "ugly"];
  const texts = ["very good text", "the bad", "ugly ugly answer of the text", "x"];

  for (const kind of ["single", "multi"] as const) {
    it(`scores ${kind} texts together as one by one`, async () => {
      const session = await trainedSession();
      const layout = layoutOf(task(kind, labels));
      const together = await scoresOf(session, layout, texts);
      for (const [i, text] of texts.entries()) {
        const [alone] = await scoresOf(session, layout, [text]);
        assert.deepEqual(together[i], alone);
      }
      const [first] = together;
      if (kind === "single") near(sum(first!), 1, "sum of probabilities");
      assert.ok(new Set(first).size > 1);
    });

    it(`has a ${kind} loss that is -log P(answer) of the scores`, async () => {
      const session = await trainedSession();
      const layout = layoutOf(task(kind, labels));
      for (const [i, text] of texts.entries()) {
        const answer = kind === "single" ? labels[i]! : labels.filter((_, label) => (label + i) % 2 === 0);
        const item = itemOf(layout, text, answer);
        const { loss } = await session.accumulate(trainingBatch(layout, [item], equalWeight));
        const [probabilities] = await scoresOf(session, layout, [text]);
        near(loss, answerLoss(item.answer, probabilities!), text);
      }
    });
  }

  it("adds up loss and gradient of examples packed together as one by one", async () => {
    const together = await trainedSession();
    const apart = await trainedSession();
    const layout = layoutOf(task("single", labels));
    const items = texts.map((text, i) => itemOf(layout, text, labels[i]!));
    const { loss } = await together.accumulate(trainingBatch(layout, items, equalWeight));
    let single = 0;
    for (const item of items)
      single += (await apart.accumulate(trainingBatch(layout, [item], equalWeight))).loss;
    near(loss, single, "loss");
    const [a, b] = [await together.gradient(), await apart.gradient()];
    assert.ok(a.some((value) => Math.abs(value) > 1e-3));
    a.forEach((value, i) => near(value, b[i]!, `gradient ${i}`));
  });

  it("computes the prefix once for all texts", () => {
    const layout = layoutOf(task("single", labels), 20);
    const items = texts.map((text, i) => itemOf(layout, text, labels[i]!));
    const batch = trainingBatch(layout, items, equalWeight);
    const own = items.reduce((rows, item) => rows + trainingRows(layout, item), 0);
    assert.equal(batch.tokens.length, 20 + own);
    assert.deepEqual([...batch.segmentParent], [-1, 0, 0, 0, 0]);
  });

  it("says beforehand how many rows a text takes", () => {
    for (const kind of ["single", "multi"] as const) {
      const layout = layoutOf(task(kind, labels));
      const encoded = texts.map((text) => encodeText(layout, fakeTokenizer, text));
      const rows = encoded.reduce((total, text) => total + scoringRows(layout, text), layout.prefix.length);
      assert.equal(scoringBatch(layout, encoded).batch.tokens.length, rows);
    }
  });

  it("works without any prefix", async () => {
    const session = await trainedSession(0);
    const layout = layoutOf(task("single", labels), 0);
    const { batch } = scoringBatch(layout, [encodeText(layout, fakeTokenizer, "good")]);
    assert.equal(batch.segmentParent[0], -1);
    near(sum((await scoresOf(session, layout, ["good"]))[0]!), 1, "sum");
  });

  it("weighs every example the same whatever the length of its answer", () => {
    const total = (batch: Batch) => sum([...batch.targetWeight]) + sum([...batch.choiceWeight]);
    const generation = layoutOf(task("generation", []));
    for (const target of ["yes", "the very good text of"]) {
      const batch = trainingBatch(generation, [itemOf(generation, "x", target)], equalWeight);
      near(total(batch), 1, target);
    }
    const multi = layoutOf(task("multi", labels));
    near(total(trainingBatch(multi, [itemOf(multi, "x", ["good"])], equalWeight)), 1, "multi");
  });

  it("asks for the target and the end mark, one row before each", () => {
    const layout = layoutOf(task("generation", []), 2);
    const batch = trainingBatch(layout, [itemOf(layout, "x", "good text")], equalWeight);
    const expected = [...fakeTokenizer.encode(" good text"), fakeTokenizer.endOfText];
    assert.deepEqual([...batch.targetToken], expected);
    for (const [i, row] of [...batch.targetRow].entries()) {
      if (i > 0) assert.equal(batch.tokens[row], expected[i - 1]);
    }
    assert.equal(batch.tokens[batch.targetRow[0]!], layout.after.at(-1));
  });

  it("has one leaf for each text to go on from", () => {
    const layout = layoutOf(task("generation", []), 2);
    const encoded = texts.map((text) => encodeText(layout, fakeTokenizer, text));
    const { segments, leaves } = generationSegments(layout, encoded);
    assert.deepEqual([...leaves], [1, 2, 3, 4]);
    assert.equal(segments.segmentLength[1], encoded[0]!.tokens.length);
  });

  it("visits each branching node once for each text", () => {
    const layout = layoutOf(task("single", labels));
    const branches = layout.tree!.branches.length;
    assert.ok(branches > 1);
    const { batch } = scoringBatch(
      layout,
      texts.map((text) => encodeText(layout, fakeTokenizer, text)),
    );
    assert.equal(batch.choiceRow.length, branches * texts.length);
  });

  it("refuses an answer outside the label set", () => {
    const layout = layoutOf(task("single", labels));
    assert.throws(() => itemOf(layout, "x", "goood"), /Label "goood" is not in the label set/);
  });
});
