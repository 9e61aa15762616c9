import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import {
  classesOf,
  draftOf,
  newTaskOf,
  obstaclesOf,
  withColor,
  withKind,
  withLabel,
  withLabelBack,
  withLabelMoved,
  withNewLabel,
  withoutLabel,
  withReading,
  withSeparator,
  withUse,
  type TaskDraft,
} from "../../../src/core/import/draft";
import { inspect, writeTask } from "../../../src/core/import";

describe("a task in the making", () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(path.join(os.tmpdir(), "plumb-draft-"))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const start = async (content: string, name = "m.csv"): Promise<TaskDraft> => {
    const file = path.join(folder, name);
    await writeFile(file, content);
    const out = path.join(folder, "m");
    const given = { name: "m", instruction: "", baseModel: null, testShare: 0.2, out };
    return draftOf(await inspect(file), {}, given);
  };
  const labels = (draft: TaskDraft) => draft.labels.map(({ name, count }) => `${name} ${count}`);
  const plain = "text,label\none text,a\ntwo texts,b\nthree texts,a\n";

  it("takes a column that is called label for what it is, be it of one label or of two hundred", async () => {
    const one = await start("text,label\none text only,spam\n");
    assert.deepEqual(labels(one), ["spam 1"]);
    assert.deepEqual(obstaclesOf(one), ["few-labels"]);
    const rows = Array.from({ length: 600 }, (_, at) => `text number ${at} in words,label ${at % 200}\n`);
    const many = await start(`text,label\n${rows.join("")}`);
    assert.equal(many.labels.length, 200);
    assert.deepEqual(obstaclesOf(many), []);
    // Not what is merely labelled by its values.
    assert.deepEqual(labels(await start(`text,shop\n${rows.join("")}`)), []);
  });

  it("makes of a plain file what the command line makes of it", async () => {
    const draft = await start(plain);
    assert.deepEqual(obstaclesOf(draft), []);
    assert.deepEqual(labels(draft), ["a 2", "b 1"]);
    const made = await writeTask(draft.found.file, newTaskOf(draft)!);
    assert.equal(made.taskFile, path.join(folder, "m.plumb.json"));
    assert.deepEqual(JSON.parse(await readFile(made.taskFile, "utf8")), {
      ...{ version: 1, name: "m", kind: "single", labels: [{ name: "a" }, { name: "b" }] },
      ...{ examples: "m.jsonl", testShare: 0.2 },
    });
  });

  it("writes labels as they were renamed, described, added and moved", async () => {
    let draft = await start(plain);
    draft = withLabel(draft, 0, { name: " alpha ", description: "The first." });
    draft = withNewLabel(withNewLabel(draft, "new"), "alpha");
    draft = withLabelMoved(draft, 2, 0);
    assert.deepEqual(labels(draft), ["new 0", " alpha  2", "b 1"]);
    const made = await writeTask(draft.found.file, newTaskOf(draft)!);
    assert.deepEqual(made.task.labels, [
      { name: "new" },
      { name: "alpha", description: "The first." },
      { name: "b" },
    ]);
    assert.deepEqual(
      made.examples.map(({ label }) => label),
      ["alpha", "b", "alpha"],
    );
  });

  it("writes colours that were chosen and no others, one for labels that have become one", async () => {
    const draft = withNewLabel(await start(plain), "new");
    assert.deepEqual(newTaskOf(draft)!.labelSet, ["a", "b", "new"]);
    let colored = withLabelMoved(withColor(draft, 1, "orange"), 1, 0);
    const { task } = await writeTask(draft.found.file, newTaskOf(colored)!);
    assert.deepEqual(task.labels, [{ name: "b", color: "orange" }, { name: "a" }, { name: "new" }]);
    assert.equal(withColor(colored, 0, null).labels[0]!.color, null);
    // The second becomes one with the first, and both have its colour then; so they go on together.
    colored = withLabel(colored, 1, { name: "b " });
    assert.deepEqual(
      [...classesOf(colored)],
      [
        ["b", "orange"],
        ["new", null],
      ],
    );
    colored = withColor(colored, 1, "green");
    assert.deepEqual([...classesOf(colored)].at(0), ["b", "green"]);
    assert.deepEqual([...classesOf(withColor(colored, 0, null))].at(0), ["b", null]);
    // What is no label of the task keeps none from having its colour.
    colored = withoutLabel(colored, 0);
    assert.deepEqual([...classesOf(withColor(colored, 1, "red"))].at(0), ["b", "red"]);
    assert.equal(withColor(colored, 1, "red").labels[0]!.color, "green");
  });

  it("lets go of added labels, and of none outside the list", async () => {
    const draft = withNewLabel(await start(plain), "new");
    assert.deepEqual(labels(withoutLabel(draft, 2)), ["a 2", "b 1"]);
    assert.deepEqual(withoutLabel(draft, 3), draft);
    for (const [from, to] of [
      [0, -1],
      [2, 3],
      [5, 0],
    ] as const)
      assert.equal(withLabelMoved(draft, from, to), draft);
  });

  it("leaves texts to be labelled whose answer is made none of the labels, until it is taken back", async () => {
    const draft = await start(`${plain}four texts,b\nfive texts,don't know\n`);
    assert.deepEqual(labels(draft), ["a 2", "b 2", "don't know 1"]);
    const less = withoutLabel(draft, 2);
    const task = newTaskOf(less)!;
    const made = await writeTask(draft.found.file, task);
    assert.deepEqual(made.task.labels, [{ name: "a" }, { name: "b" }]);
    assert.deepEqual(
      made.examples.map(({ label }) => label),
      ["a", "b", "a", "b", undefined],
    );
    assert.equal(made.counts.answered, 4);
    assert.deepEqual(obstaclesOf(withoutLabel(less, 1)), ["few-labels"]);
    assert.deepEqual(withLabelBack(less, 2), draft);
  });

  it("leaves a text its other labels, and asks it again where it has none left", async () => {
    const rows = ["a;?", "b", "?", "a;b", ""].map((cell, at) => `text number ${at} here,${cell}\n`).join("");
    const draft = withSeparator(withKind(await start(`text,label\n${rows}`), "multi"), ";");
    const at = draft.labels.findIndex(({ name }) => name === "?");
    const made = await writeTask(draft.found.file, newTaskOf(withoutLabel(draft, at))!);
    assert.deepEqual(
      made.examples.map(({ labels: of }) => of),
      [["a"], ["b"], undefined, ["a", "b"], undefined],
    );
  });

  it("takes answers that differ by case or blanks alone for the commonest of them, unless they are named apart", async () => {
    const cells = ["Yes", "yes", "yes ", "no", "NO", "No", "No", "not sure", "Not  sure", "Not sure"];
    const rows = cells.map((cell, at) => `text number ${at} here,${cell}\n`).join("");
    const draft = await start(`text,label\n${rows}`);
    const names = (one: TaskDraft) => one.labels.map(({ found, name }) => `${found} is ${name}`).sort();
    assert.deepEqual(names(draft), [
      ...["NO is No", "No is No", "Not  sure is not sure", "Not sure is not sure", "Yes is yes", "no is No"],
      ...["not sure is not sure", "yes is yes"],
    ]);
    const made = await writeTask(draft.found.file, newTaskOf(draft)!);
    assert.deepEqual(made.task.labels?.map(({ name }) => name).sort(), ["No", "not sure", "yes"]);
    assert.equal(made.counts.answered, cells.length);
    const at = draft.labels.findIndex(({ found }) => found === "Yes");
    const apart = withLabel(draft, at, { name: "Yes" });
    assert.ok(names(withReading(apart, apart.found, {})).includes("Yes is Yes"));
  });

  it("gives a use that one column can have to that one alone, and counts labels of the columns that answer", async () => {
    const first = await start("text,title,a,b\none text,One,1,0\ntwo texts,Two,1,1\nthree texts,Three,0,0\n");
    assert.deepEqual(labels(first), ["a 2", "b 1"]);
    assert.equal(first.form.kind, "multi");
    const other = withUse(first, "title", "text");
    assert.deepEqual(Object.fromEntries(other.uses), { a: "answer", b: "answer", title: "text" });
    assert.deepEqual(newTaskOf(other)?.choices.text, "title");
    const fewer = withUse(other, "b", "keep");
    assert.deepEqual([fewer.form.flags, labels(fewer)], [false, ["0 1", "1 2"]]);
    assert.deepEqual(newTaskOf(fewer)?.keep, ["b"]);
    assert.deepEqual(obstaclesOf(withUse(fewer, "title", "none")), ["no-text"]);
    assert.equal(newTaskOf(withUse(fewer, "title", "none")), null);
  });

  it("keeps what was said of a label while columns, kind and separator come and go", async () => {
    const content = "text,label\none text,a;b\ntwo texts,b\nthree texts,a\nfour texts,a;b\n";
    const several = withLabel(await start(content), 0, { name: "Alpha" });
    assert.deepEqual(
      [several.form.kind, several.form.separator, labels(several)],
      ["multi", ";", ["Alpha 3", "b 3"]],
    );
    const whole = withKind(several, "single");
    assert.deepEqual(labels(whole), ["Alpha 1", "b 1", "a;b 2"]);
    assert.deepEqual(labels(withSeparator(withKind(whole, "multi"), ";")), ["Alpha 3", "b 3"]);
    const words = withKind(several, "generation");
    assert.deepEqual(newTaskOf(words)?.labelSet, []);
    assert.deepEqual(labels(withKind(words, "multi")), ["Alpha 3", "b 3"]);
  });

  it("says what stands in the way", async () => {
    const draft = await start("some text here\nand another\nand a third one\n", "m.txt");
    assert.deepEqual(obstaclesOf(draft), ["few-labels"]);
    const two = withNewLabel(withNewLabel(draft, "good"), "bad");
    assert.deepEqual(obstaclesOf(two), []);
    assert.deepEqual(obstaclesOf(withLabel(two, 0, { name: "bad " })), ["few-labels"]);
    assert.deepEqual(obstaclesOf(withLabel(two, 1, { name: " " })), ["blank-label"]);
    assert.deepEqual(obstaclesOf({ ...two, name: " ", testShare: 1, out: `${folder}/` }), [
      "blank-name",
      "wrong-share",
      "blank-file",
    ]);
    assert.deepEqual(obstaclesOf(withKind(draft, "generation")), []);
    const rows = Array.from({ length: 600 }, (_, n) => `words ${n},label ${n}`);
    const many = withUse(await start(`text,nr\n${rows.join("\n")}\n`), "nr", "answer");
    assert.deepEqual(obstaclesOf(withKind(many, "single")), ["many-labels"]);
  });

  it("keeps what was chosen where the file is read in another way with the same columns", async () => {
    let draft = withUse(await start("text,title,label\none text,a b,x\ntwo texts,c d,y\n"), "title", "text");
    draft = { ...withLabel(draft, 0, { description: "About x." }), name: "Mine" };
    const read = { encoding: "windows-1251" } as const;
    const again = withReading(draft, await inspect(draft.found.file, read), read);
    assert.deepEqual(Object.fromEntries(again.uses), { label: "answer", title: "text" });
    assert.deepEqual([again.name, again.labels[0]?.description, again.read], ["Mine", "About x.", read]);
    const headless = { header: false };
    const other = withReading(draft, await inspect(draft.found.file, headless), headless);
    assert.equal(other.uses.has("title"), false);
    assert.equal(other.name, "Mine");
  });
});
