import assert from "node:assert/strict";
import { drawnBatches, rowsOf, TaskEncoder, type Drawn } from "../../../src/core/base/encode";
import { fillWording, wordingsOf } from "../../../src/core/base/wordings";
import { BaseTraining, type Task } from "../../../src/core/schema";
import { encodeAnswer, instructionTokens } from "../../../src/core/tuning/layout";
import { fakeEngine, fakeTable, fakeTokenizer } from "../tuning/fake-engine";

const task = (kind: Task["kind"], more: Partial<Task> = {}): Task => ({
  version: 1,
  name: "moods",
  kind,
  instruction: "Which mood?",
  ...(kind === "generation" ? {} : { labels: ["happy", "sad", "angry"].map((name) => ({ name })) }),
  examples: "moods.jsonl",
  ...more,
});
const encoderOf = (of: Task, maxTokens = 400, wordings = wordingsOf(of.kind)) =>
  new TaskEncoder(of, fakeTokenizer, { maxTokens, answerRoom: 20 }, wordings);
const answerOf = (encoder: TaskEncoder, answer: string | readonly string[]) =>
  encodeAnswer(encoder.layout, fakeTokenizer, answer);
const words = (tokens: readonly number[]) => fakeTokenizer.decode(tokens);
const ANSWERS = { single: "sad", multi: ["sad", "angry"], generation: "very sad" } as const;

describe("wordings of a base training", () => {
  for (const kind of ["single", "multi", "generation"] as const) {
    it(`${kind}: each wording holds the text, the instruction and the labels, and all are different`, () => {
      const encoder = encoderOf(task(kind));
      const answer = answerOf(encoder, ANSWERS[kind]);
      const fronts = Array.from({ length: encoder.count }, (_, wording) =>
        words(encoder.encode("a certain text", answer, wording, 1).front),
      );
      assert.equal(encoder.count, 1 + wordingsOf(kind).length);
      assert.ok(encoder.count >= 5);
      assert.equal(new Set(fronts).size, fronts.length);
      for (const front of fronts) {
        assert.match(front, /a certain text/);
        assert.match(front, /Which mood\?/);
      }
      if (kind === "generation") return;
      const listing = fronts.filter((front) =>
        ["happy", "sad", "angry"].every((label) => front.includes(label)),
      );
      assert.ok(listing.length >= fronts.length - 1, "one wording at most leaves the labels out");
    });
  }

  it("asks in the task's own wording as an untuned model is asked", () => {
    const own = task("single", { template: { before: "<", after: ">\nMood:" } });
    const encoder = encoderOf(own);
    const { front } = encoder.encode("text", answerOf(encoder, "sad"), 0, 1);
    const listed = own.labels!.map(({ name }) => name);
    const orders = [
      ...new Set(
        Array.from({ length: 40 }, (_, seed) =>
          words(encoder.encode("text", answerOf(encoder, "sad"), 0, seed).front),
        ),
      ),
    ];
    assert.equal(orders.length, 6, "all orders of three labels occur");
    const expected = words([
      ...instructionTokens(own, fakeTokenizer),
      ...fakeTokenizer.encode("<text>\nMood:"),
    ]);
    assert.ok(orders.includes(expected));
    assert.ok(listed.every((label) => words(front).includes(label)));
  });

  it("leaves what stands in braces in a task's own words alone", () => {
    const odd = task("generation", { instruction: "Say {labels} and {text}" });
    assert.equal(fillWording("{instruction}: {labels}", odd, ["a", "b"]), "Say {labels} and {text}: a, b");
  });

  it("expects the label's word and the end, yes or no for each label, or the target and the end", () => {
    const end = fakeTokenizer.endOfText;
    const of = (kind: Task["kind"], answer: string | readonly string[]) => {
      const encoder = encoderOf(task(kind));
      return encoder.encode("text", answerOf(encoder, answer), 1, 0).answers;
    };
    assert.deepEqual(of("single", "sad"), [
      { question: [], expected: [...fakeTokenizer.encode(" sad"), end] },
    ]);
    assert.deepEqual(of("generation", "very sad"), [
      { question: [], expected: [...fakeTokenizer.encode(" very sad"), end] },
    ]);
    assert.deepEqual(
      of("multi", ["angry"]).map(({ question, expected }) => words([...question, ...expected])),
      [" happy: no", " sad: no", " angry: yes"],
    );
  });

  it("cuts a long text in its middle so that wording, text and answer fit, and drops wordings that leave no room", () => {
    const encoder = encoderOf(task("single"), 200);
    const long = `begin ${"the text of a ".repeat(200)} finish`;
    for (let wording = 0; wording < encoder.count; wording++) {
      const drawn = encoder.encode(long, answerOf(encoder, "sad"), wording, 1);
      assert.ok(rowsOf(drawn) <= 200);
      assert.match(words(drawn.front), /begin.*\[\.\.\.\].*finish/s);
    }
    const wide = { before: `${"x".repeat(180)}{instruction}`, after: "" };
    assert.equal(encoderOf(task("single"), 200, [wide]).count, 1);
  });

  it("refuses a wording without the text, or with a space at its end", () => {
    const list = (wording: string) => ({
      version: 1,
      name: "x",
      tasks: ["a.plumb.json"],
      wordings: { single: [wording] },
    });
    assert.ok(BaseTraining.safeParse(list("{instruction} {text}\nAnswer:")).success);
    for (const wrong of ["{instruction}", "{text} {text}", "{text}\nAnswer: "])
      assert.ok(!BaseTraining.safeParse(list(wrong)).success, wrong);
  });
});

describe("batches of a base training", () => {
  const drawn: Drawn[] = (["single", "multi", "generation"] as const).flatMap((kind) => {
    const encoder = encoderOf(task(kind));
    const answer = answerOf(encoder, ANSWERS[kind]);
    return [0, 1, 2].map((wording) => encoder.encode(`some text ${wording}`, answer, wording, wording));
  });

  it("weigh every example the same: the weights of its targets add up to its share of the step", () => {
    for (const budget of [1, 200, 1e6]) {
      const weights = drawnBatches(drawn, budget).flatMap(({ targetWeight }) => [...targetWeight]);
      const sizes = drawn.map(({ answers }) =>
        answers.reduce((sum, { expected }) => sum + expected.length, 0),
      );
      let at = 0;
      for (const size of sizes) {
        const sum = weights.slice(at, at + size).reduce((total, weight) => total + weight, 0);
        assert.ok(Math.abs(sum - 1 / drawn.length) < 1e-6);
        at += size;
      }
      assert.equal(at, weights.length);
    }
  });

  it("count the rows that they take, and give the same loss packed and one at a time", async () => {
    const model = await fakeEngine().openModel(fakeTable);
    const session = await model.openSession({ method: { promptLength: 0, biases: [], full: true } });
    const size = (await session.read()).length;
    await session.write(Float32Array.from({ length: size }, (_, i) => Math.sin(i)));
    const lossOf = async (budget: number) => {
      let loss = 0;
      for (const batch of drawnBatches(drawn, budget)) loss += (await session.accumulate(batch)).loss;
      return loss;
    };
    const batches = drawnBatches(drawn, 1);
    assert.deepEqual(
      batches.map(({ tokens }) => tokens.length),
      drawn.map(rowsOf),
    );
    const [packed, single] = [await lossOf(1e6), await lossOf(1)];
    assert.ok(Math.abs(packed - single) < 1e-6 * packed, `${packed}, ${single}`);
  });

  it("expect each token behind the row that was read just before it", () => {
    const encoder = encoderOf(task("generation"));
    const one = encoder.encode("text", answerOf(encoder, "very sad"), 1, 0);
    const [batch] = drawnBatches([one], 1e6);
    const [{ expected } = { expected: [] as readonly number[] }] = one.answers;
    const all = [...one.front, ...expected];
    batch!.targetRow.forEach((row, i) => {
      assert.equal(batch!.targetToken[i], expected[i]);
      assert.equal(batch!.tokens[row], all[one.front.length + i - 1]);
    });
  });
});
