import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { checkTask, loadTask, readTask, TaskError, type Fix } from "../../../src/core/data";
import { CheckOutput, type CheckOutput as Output } from "../../../src/host/findings";
import { fixedLine, taskEdit } from "../../../src/host/fix-edits";
import { TestFolder, textOf } from "../data/folder";

describe("quick fixes", () => {
  let folder: TestFolder;
  beforeEach(async () => (folder = await TestFolder.make()));
  afterEach(() => folder.remove());

  /** Fixes of a check, as they come through its JSON. */
  const fixesOf = async (examples: readonly unknown[], task: Record<string, unknown> = {}) => {
    const file = await folder.writeTask(examples, task);
    const result = checkTask(await loadTask(file), null);
    const output: Output = CheckOutput.parse(JSON.parse(JSON.stringify(result)));
    return output.findings.flatMap(({ places }) =>
      places.flatMap(({ line, fixes = [] }) => fixes.map((fix) => ({ line, fix }))),
    );
  };
  const mended = (example: unknown, fix: Fix | undefined) => {
    assert.ok(fix !== undefined && "id" in fix);
    return fixedLine(JSON.stringify(example), fix);
  };
  const good = Array.from({ length: 12 }, (_, n) => ({
    id: `e${n}`,
    text: textOf(n),
    label: n % 2 ? "a" : "b",
  }));
  const labels = { labels: [{ name: "positive" }, { name: "a" }, { name: "b" }] };

  it("correct a mistyped label, and offer to take it into the set", async () => {
    const wrong = { id: "x", text: "Some words.", label: "postive" };
    const found = await fixesOf([...good, wrong], labels);
    assert.deepEqual(
      found.map(({ line, fix }) => [line, fix.what, fix.from, fix.to]),
      [
        [13, "label", "postive", "positive"],
        [13, "add-label", "", "postive"],
      ],
    );
    assert.equal(mended(wrong, found[0]?.fix), JSON.stringify({ ...wrong, label: "positive" }));
  });

  it("mend labels of a multi-label task: mistyped, twice, in the field of another kind", async () => {
    const multi = good.map(({ label, ...rest }) => ({ ...rest, labels: [label] }));
    const odd = [
      { id: "x", text: "Some words.", labels: ["a", "postive", "positive"] },
      { id: "y", text: "More words.", labels: ["b", "a", "b"] },
      { id: "z", text: "Other words.", label: "a" },
    ];
    const found = await fixesOf([...multi, ...odd], { kind: "multi", ...labels });
    const of = (what: string) => found.find(({ fix }) => fix.what === what)?.fix;
    assert.equal(mended(odd[0], of("label")), JSON.stringify({ ...odd[0], labels: ["a", "positive"] }));
    assert.equal(mended(odd[1], of("repeat")), JSON.stringify({ ...odd[1], labels: ["b", "a"] }));
    assert.equal(mended(odd[2], of("field")), '{"id":"z","text":"Other words.","labels":["a"]}');
  });

  it("give a repeated id one that no other example has", async () => {
    const twice = [
      { id: "e1", text: "Some words.", label: "a" },
      { id: "e1-2", text: "More words.", label: "a" },
      { id: "e1", text: "Other words.", label: "b" },
    ];
    const found = await fixesOf([...good, ...twice], labels);
    assert.deepEqual(
      found.map(({ fix }) => fix.to),
      ["e1-3", "e1-4"],
    );
    assert.equal(mended(twice[0], found[0]?.fix), JSON.stringify({ ...twice[0], id: "e1-3" }));
  });

  it("do not move an answer where something of it would be lost", async () => {
    const several = { id: "x", text: "Some words.", labels: ["a", "b"] };
    assert.deepEqual(await fixesOf([...good, several], labels), []);
    const one = { id: "x", text: "Some words.", labels: ["a"] };
    const [found] = await fixesOf([...good, one], labels);
    assert.equal(mended(one, found?.fix), '{"id":"x","text":"Some words.","label":"a"}');
  });

  it("leave a line alone that holds another example by now, no example, or what the fix wanted", () => {
    const fix = { what: "label", from: "x", to: "a", id: "1", set: { label: "a" }, remove: [] } as const;
    const given = { ...fix, remove: [] };
    assert.equal(fixedLine('{"id":"2","label":"x"}', given), null);
    assert.equal(fixedLine('{"id":"1","label":', given), null);
    assert.equal(fixedLine("[]", given), null);
    assert.equal(fixedLine('{"id":"1","label":"a"}', given), null);
    assert.equal(
      fixedLine('{ "id": 1,  "label" : "x", "n": 1.50 }', given),
      '{ "id": 1,  "label" : "a", "n": 1.50 }',
    );
  });

  it("add a label in the way its neighbours are written, and once", () => {
    const fix = { what: "add-label", from: "", to: 'new "one"' } as const;
    const apply = (text: string) => {
      const edit = taskEdit(text, fix);
      return edit === null ? null : text.slice(0, edit.start) + edit.text + text.slice(edit.end);
    };
    const forms = [
      '{"kind":"single","labels":[{"name":"a"},{"name":"b"}]}',
      '{\n  "labels": [\n    { "name": "a" },\n    { "name": "b", "description": "B." }\n  ],\n  "x": 1\n}\n',
      '{\n  "labels": [\n    {\n      "name": "a"\n    },\n    {\n      "name": "b"\n    }\n  ]\n}',
      '{"labels": [{"name": "a"}]}',
    ];
    for (const form of forms) {
      const after = apply(form)!;
      const names = (JSON.parse(after) as { labels: { name: string }[] }).labels.map(({ name }) => name);
      assert.equal(names.at(-1), fix.to);
      assert.equal(apply(after), null);
    }
    assert.equal(
      apply(forms[2]!),
      forms[2]!.replace(/\n {4}\}\n {2}\]/, '\n    },\n    {\n      "name": "new \\"one\\""\n    }\n  ]'),
    );
    assert.equal(apply('{"labels": []}'), null);
    assert.equal(apply('{"kind": "generation"}'), null);
  });

  it("name one of the files beside the task where its examples are missing, the likeliest first", async () => {
    for (const name of ["a", "b", "c", "replys", "test"]) await folder.write(`${name}.jsonl`, "");
    const fixes = async (examples: unknown) => {
      const file = await folder.writeTask(good, { ...labels, examples });
      const error = await loadTask(file).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof TaskError);
      const text = await readFile(file, "utf8");
      return error.fixes.map((fix) => {
        const edit = taskEdit(text, fix)!;
        const after = JSON.parse(text.slice(0, edit.start) + edit.text + text.slice(edit.end)) as object;
        assert.deepEqual({ ...after, examples }, JSON.parse(text));
        return (after as { examples: unknown }).examples;
      });
    };
    assert.deepEqual(await fixes("replies.jsonl"), ["replys.jsonl", "a.jsonl", "b.jsonl"]);
    assert.deepEqual(await fixes("gone/a.jsonl"), ["a.jsonl", "b.jsonl", "c.jsonl"]);
    // Not the file of the other part.
    assert.deepEqual(
      await fixes({ train: "tset.jsonl", test: "test.jsonl" }),
      ["a.jsonl", "b.jsonl", "c.jsonl"].map((train) => ({ train, test: "test.jsonl" })),
    );
    assert.deepEqual(await fixes({ train: "a.jsonl", test: "." }), []);
    await assert.rejects(
      loadTask(await folder.writeTask(good, { ...labels, examples: "gone/x.jsonl" })),
      /There is no examples file .*x\.jsonl\. Check the path\. JSON Lines beside the task: a\.jsonl, b\.jsonl, c\.jsonl\.$/,
    );
  });

  it("rename a mistyped field of the task, unless the right one is there", async () => {
    const file = await folder.writeTask(good, { ...labels, instructon: "Which?" });
    const { problems } = await readTask(file);
    assert.deepEqual(
      problems.map(({ fixes }) => fixes),
      [[{ what: "rename-field", from: "instructon", to: "instruction" }]],
    );
    const fix = { what: "rename-field", from: "instructon", to: "instruction" } as const;
    const text = '{ "name": "n", "instructon" : "Which?" }';
    const edit = taskEdit(text, fix)!;
    assert.equal(text.slice(0, edit.start) + edit.text + text.slice(edit.end), text.replace("ton", "tion"));
    assert.equal(taskEdit('{"instruction": "a", "instructon": "b"}', fix), null);
  });
});
