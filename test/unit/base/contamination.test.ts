import assert from "node:assert/strict";
import path from "node:path";
import { compareWithBenchmarks, contaminationSentences } from "../../../src/core/base/contamination";
import { PASSAGE_WORDS, Passages } from "../../../src/core/base/passages";
import { loadTask, type LoadedTask } from "../../../src/core/data";
import { seededRandom } from "../../../src/core/random";
import { makePlace, type Place } from "./place";

const LONG =
  "the council met on the first day of spring and agreed that the bridge over the river should be painted green before winter";
const words = (count: number, seed: number) => {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => Math.floor(random() * 1e6).toString(36)).join(" ");
};

describe("the comparison of a base training with benchmarks", () => {
  let place: Place;
  beforeEach(async () => {
    place = await makePlace();
  });
  afterEach(() => place.remove());

  const load = async (name: string, kind: "single" | "generation", examples: object[], more: object = {}) =>
    loadTask(await place.task(name, kind, examples, more));
  const compare = (task: LoadedTask, ...benchmarks: LoadedTask[]) =>
    compareWithBenchmarks([{ loaded: task, examples: task.examples }], benchmarks);
  const found = (result: ReturnType<typeof compare>) =>
    Object.fromEntries(result.tasks[0]!.leftOut.map(({ id, kind }) => [id, kind]));

  it("leaves out the same text, nearly the same one, and one with a passage in common; nothing else", async () => {
    const benchmark = await load("judged", "single", [
      { id: "b1", text: "Only two rooms left at this price!", label: "sad", split: "test" },
      { id: "b2", text: LONG, label: "sad", split: "train" },
    ]);
    const task = await load("learned", "single", [
      { id: "same", text: "only two rooms left, at this price", label: "sad" },
      { id: "near", text: "Only two rooms left at this price today!", label: "sad" },
      {
        id: "passage",
        text: `${words(60, 1)} ${LONG.split(" ")
          .slice(3, 3 + PASSAGE_WORDS)
          .join(" ")} ${words(60, 2)}`,
        label: "sad",
      },
      {
        id: "phrase",
        text: `${words(60, 3)} ${LONG.split(" ")
          .slice(3, 2 + PASSAGE_WORDS)
          .join(" ")} ${words(60, 4)}`,
        label: "sad",
      },
      { id: "other", text: "The library opens at nine on Saturdays.", label: "sad" },
    ]);
    const result = compare(task, benchmark);
    assert.deepEqual(found(result), { same: "same", near: "near", passage: "passage" });
    const [same] = result.tasks[0]!.leftOut;
    assert.equal(same!.benchmarkId, "b1");
    assert.equal(same!.line, 1);
    assert.ok(!JSON.stringify(result).includes("rooms left"), "no text is kept");
    assert.match(contaminationSentences(result)[0]!, /3 training examples are left out.*learned 3 of 5/);
  });

  it("compares answers too: with texts, and with answers; but not those of a few words", async () => {
    const benchmark = await load("judged", "generation", [
      {
        id: "b1",
        text: "An input that nobody has seen.",
        target: "A painted bridge is what they want.",
        references: ["What they want is a bridge, freshly painted."],
      },
      { id: "b2", text: "Another input for the same.", target: "Yes, of course." },
    ]);
    const task = await load("learned", "generation", [
      { id: "target", text: words(8, 1), target: "a painted bridge is what they want" },
      { id: "reference", text: words(8, 2), target: "What they want is a bridge, freshly painted." },
      { id: "as text", text: "A painted bridge is what they want!", target: words(8, 3) },
      { id: "its text", text: words(8, 4), target: "An input that nobody has seen." },
      { id: "short", text: words(8, 5), target: "Yes, of course." },
    ]);
    assert.deepEqual(found(compare(task, benchmark)), {
      target: "same",
      reference: "same",
      "as text": "same",
      "its text": "same",
    });
  });

  it("names tasks that share a name, an examples file or a stated source", async () => {
    const row = (id: string, source?: string) => ({
      id,
      text: words(8, id.charCodeAt(0)),
      label: "sad",
      source,
    });
    const benchmark = await load("Judged", "single", [row("a", "posts.csv:3"), row("b", "posts.csv:4")]);
    const other = await load("other", "single", [row("c", "posts.csv:90")]);
    const named = await load("copy", "single", [row("d")], { name: "judged" });
    const file = await load("again", "single", [row("e")], { examples: "Judged.jsonl" });
    const shared = (task: LoadedTask) =>
      compare(task, benchmark).sharedSources.map(({ by, what }) => [by, path.basename(what)]);
    assert.deepEqual(shared(other), [["source", "posts.csv"]]);
    assert.deepEqual(shared(named), [["name", "judged"]]);
    assert.deepEqual(shared(file), [
      ["examples file", "Judged.jsonl"],
      ["source", "posts.csv"],
    ]);
    assert.match(
      contaminationSentences(compare(other, benchmark)).at(-1)!,
      /other and benchmark Judged share the source posts\.csv/,
    );
  });

  it("finds a shared passage of 13 words wherever it begins, and says how long it is", () => {
    const text = words(100, 5);
    const passages = new Passages([words(50, 6), text]);
    for (let at = 0; at + PASSAGE_WORDS <= 100; at++) {
      const run = text
        .split(" ")
        .slice(at, at + PASSAGE_WORDS)
        .join(" ");
      assert.deepEqual(passages.find(`${words(5, 7)} ${run} ${words(5, 8)}`), {
        text: 1,
        words: PASSAGE_WORDS,
      });
    }
    assert.equal(passages.find(text)!.words, 100);
    assert.equal(passages.find(text.split(" ").slice(1, PASSAGE_WORDS).join(" ")), null);
  });
});
