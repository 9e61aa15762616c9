import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { answerOf, loadTask, TaskError } from "../../../src/core/data";
import { PlumbError } from "../../../src/core/errors";
import { plainTask, TestFolder } from "./folder";

const good = [
  { id: "1", text: "Fine.", label: "positive" },
  { id: "2", text: "Poor.", label: "negative" },
];

describe("loading a task", () => {
  let folder: TestFolder;
  beforeEach(async () => {
    folder = await TestFolder.make();
  });
  afterEach(() => folder.remove());

  it("gives the task, the examples with their places, and no problem where there is none", async () => {
    const file = await folder.writeTask(good, { mine: { kept: true } });
    const loaded = await loadTask(path.relative(process.cwd(), file));
    const examples = folder.at("examples.jsonl");
    assert.equal(loaded.path, file);
    assert.equal(loaded.folder, folder.path);
    assert.deepEqual(loaded.task, { ...plainTask, mine: { kept: true } });
    assert.deepEqual(
      loaded.examples,
      good.map((example, at) => ({ ...example, file: examples, line: at + 1 })),
    );
    assert.deepEqual(loaded.problems, []);
    assert.deepEqual(loaded.files, [{ path: examples, lines: 2 }]);
  });

  it("takes a colour for a label, and no task file without one for another than before", async () => {
    const labels = [{ name: "negative", color: "red" }, { name: "positive" }];
    const { task, problems } = await loadTask(await folder.writeTask(good, { labels }));
    assert.deepEqual([task.labels, problems], [labels, []]);
    const plain = await loadTask(await folder.writeTask(good));
    assert.deepEqual(plain.task.labels, plainTask.labels);
  });

  it("reads a task with a byte-order mark and Windows line ends", async () => {
    await folder.writeLines("examples.jsonl", good);
    const text = `${JSON.stringify(plainTask, null, 2).replaceAll("\n", "\r\n")}\r\n`;
    for (const marks of ["\ufeff", "\ufeff\ufeff", "\ufeff\ufeff\ufeff"]) {
      const { problems, examples } = await loadTask(await folder.write("t.plumb.json", marks + text));
      assert.deepEqual([problems, examples.length], [[], 2]);
    }
  });

  it("fills in the split of two files, each by a relative or an absolute path", async () => {
    await mkdir(folder.at("parts"));
    await folder.writeLines("parts/a.jsonl", good);
    const test = await folder.writeLines("b.jsonl", [
      { id: "3", text: "So so.", label: "negative", split: "train" },
    ]);
    const file = await folder.write(
      "t.plumb.json",
      JSON.stringify({ ...plainTask, examples: { train: "parts/a.jsonl", test } }),
    );
    const { examples, problems } = await loadTask(file);
    assert.deepEqual(
      examples.map(({ id, split }) => [id, split]),
      [
        ["1", "train"],
        ["2", "train"],
        ["3", "test"],
      ],
    );
    assert.deepEqual(
      problems.map(({ code, file: at, line }) => [code, at, line]),
      [["split-contradicts", test, 1]],
    );
  });

  const examplesCases: [name: string, kind: string, example: object, code: string, message: RegExp][] = [
    [
      "a label with a slip of the pen",
      "single",
      { label: "postive" },
      "label-outside",
      /^label "postive" is not in the label set \(negative, positive\)\. Was "positive" meant\?$/,
    ],
    [
      "a label of another set",
      "single",
      { label: "sarcastic" },
      "label-outside",
      /Correct it, or add it to the task's labels\.$/,
    ],
    ["an empty label", "single", { label: "" }, "label-outside", /^label "" is not in the label set/],
    [
      "a label of another set among good ones",
      "multi",
      { labels: ["positive", "Negative"] },
      "label-outside",
      /^label "Negative" .* Was "negative" meant\?$/,
    ],
    [
      "an answer in the field of another kind",
      "multi",
      { label: "positive" },
      "wrong-answer-field",
      /the answer stands in "label", but a multi task has it in "labels"/,
    ],
    ["an invisible target", "generation", { target: " " }, "wrong-field", /^field "target"/],
  ];
  for (const [name, kind, fields, code, message] of examplesCases) {
    it(`reports ${name}`, async () => {
      const rest = kind === "generation" ? { kind, labels: undefined } : { kind };
      const file = await folder.writeTask(
        [
          { id: "0", text: "x" },
          { id: "1", text: "y", ...fields },
        ],
        rest,
      );
      const { problems, examples } = await loadTask(file);
      assert.equal(examples.length, 2);
      assert.deepEqual(
        problems.map((problem) => [problem.file, problem.line, problem.severity, problem.code]),
        [[folder.at("examples.jsonl"), 2, "error", code]],
      );
      assert.match(problems[0]?.message ?? "", message);
    });
  }

  it("reports an id that stands twice, across files too", async () => {
    const train = await folder.writeLines("a.jsonl", good);
    const test = await folder.writeLines("b.jsonl", [{ id: "2", text: "Once more.", label: "positive" }]);
    const file = await folder.write(
      "t.plumb.json",
      JSON.stringify({ ...plainTask, examples: { train, test } }),
    );
    const { problems } = await loadTask(file);
    assert.deepEqual(
      problems.map(({ code, line }) => [code, line]),
      [["id-twice", 1]],
    );
    assert.match(problems[0]?.message ?? "", /^id "2" also stands in line 2 of a\.jsonl\./);
  });

  it("reports what is wrong in the order of the lines, file after file", async () => {
    const rows = [
      { id: "1", text: "Good.", label: "bad" },
      { id: "2", text: 3 },
      { id: "1", text: "Bad." },
    ];
    const train = await folder.writeLines("z.jsonl", rows);
    const test = await folder.writeLines("a.jsonl", [{ id: "1", text: "Bad." }, { id: 2.5 }]);
    const task = { ...plainTask, testShar: 0.5, examples: { train, test } };
    const { problems } = await loadTask(await folder.write("t.plumb.json", JSON.stringify(task)));
    assert.deepEqual(
      problems.map(({ file, line }) => `${path.basename(file)} ${line}`),
      ["t.plumb.json 1", "z.jsonl 1", "z.jsonl 2", "z.jsonl 3", "a.jsonl 1", "a.jsonl 2", "a.jsonl 2"],
    );
  });

  it("warns of a label that stands twice, and of a field of the task that looks mistyped", async () => {
    const file = await folder.writeTask([{ id: "1", text: "x", labels: ["positive", "positive"] }], {
      kind: "multi",
      instuction: "?",
    });
    const { problems } = await loadTask(file);
    assert.deepEqual(
      problems.map(({ severity, code }) => [severity, code]),
      [
        ["warning", "unknown-field"],
        ["warning", "label-twice"],
      ],
    );
    assert.match(
      problems[0]?.message ?? "",
      /unknown field "instuction" is not used\. Was "instruction" meant\?/,
    );
  });

  it("warns of labels that differ by case or blanks alone", async () => {
    const labels = ["Plain", "tricky", "plain"].map((name) => ({ name }));
    const file = await folder.writeTask([{ id: "1", text: "x", label: "tricky" }], { labels });
    const { problems } = await loadTask(file);
    assert.deepEqual(
      problems.map(({ severity, code, field }) => [severity, code, field]),
      [["warning", "labels-alike", "labels[2].name"]],
    );
    assert.match(problems[0]?.message ?? "", /"plain" and "Plain" count as two labels/);
  });

  it("does not ask for a correct label where an example is set aside", async () => {
    const file = await folder.writeTask([{ id: "1", text: "x", label: "whatever", status: "skipped" }]);
    const { problems, task, examples } = await loadTask(file);
    assert.deepEqual(problems, []);
    assert.equal(answerOf(task, examples[0]!), null);
  });

  const refused: [name: string, content: string | Buffer | object, code: string, message: RegExp][] = [
    ["an empty file", "", "empty-file", /t\.plumb\.json: the file is empty\. Expected a task/],
    [
      "no JSON",
      '{\n  "version": 1,\n  "name": "x"\n  "kind": "single"\n}',
      "not-json",
      /t\.plumb\.json, line 4, column 3: not JSON: found a double quote, expected "," or "}"\./,
    ],
    ["a list", "[]", "not-json", /line 1, column 1: not JSON: found "\[", expected an object/],
    ["bytes that are no text", Buffer.from([0x7b, 0xff]), "not-utf8", /not a text in UTF-8/],
    [
      "a NUL byte",
      '{"version": 1, "na\0me": "x"}',
      "nul-byte",
      /: a NUL byte at byte 19\. .* remove the byte\.$/,
    ],
    [
      "NUL in a path",
      { version: 1, name: "x", kind: "generation", examples: { train: "x.jsonl", test: "a\0.jsonl" } },
      "nul-byte",
      /: field "examples\.test" holds the character NUL \(\\u0000\)\. Remove it\.$/,
    ],
    [
      "half of a character in a label",
      {
        ...{ version: 1, name: "x", kind: "single", examples: "x.jsonl" },
        labels: [{ name: "a" }, { name: "b", word: "\ud83d" }],
      },
      "wrong-field",
      /: field "labels\[1\]\.word" holds half of a character .* Remove it\.$/,
    ],
    [
      "the examples file",
      '{"id": "1", "text": "x"}\n{"id": "2", "text": "y"}\n',
      "not-json",
      /line 2, column 1: .* Is this the examples file\? Name the task file\./,
    ],
    ["a single example", { id: "1", text: "x" }, "not-a-task", /this is an example, not a task/],
    [
      "a field that stands twice",
      '{"version": 1, "name": "a", "name": "b"}',
      "field-twice",
      /field "name" stands twice/,
    ],
    [
      "fields that are missing",
      { version: 1 },
      "wrong-field",
      /field "name" is missing; expected text in quotes\. field "kind" is missing; expected "single" or "multi" or "generation"\. field "examples" is missing/,
    ],
    [
      "another version",
      { ...plainTask, version: 2 },
      "wrong-field",
      /field "version": found the number 2, expected 1\./,
    ],
    [
      "an unknown kind",
      { ...plainTask, kind: "binary" },
      "wrong-field",
      /field "kind": found the text "binary", expected "single" or "multi" or "generation"\./,
    ],
    [
      "labels as plain texts",
      { ...plainTask, labels: ["a", "b"] },
      "wrong-field",
      /field "labels\[0\]": found the text "a", expected an object: \{…\}\./,
    ],
    [
      "a share outside of its range",
      { ...plainTask, testShare: 1.5 },
      "wrong-field",
      /field "testShare": found the number 1\.5, expected a number below 1\./,
    ],
    [
      "a seed with a fraction",
      { ...plainTask, seed: 0.5 },
      "wrong-field",
      /field "seed": found the number 0\.5, expected a whole number\./,
    ],
    [
      "a number as examples",
      { ...plainTask, examples: 3 },
      "wrong-field",
      /field "examples": found the number 3, expected text in quotes or an object/,
    ],
    [
      "a template without its end",
      { ...plainTask, template: { before: "x" } },
      "wrong-field",
      /field "template\.after" is missing/,
    ],
    [
      "no labels",
      { ...plainTask, labels: undefined },
      "wrong-labels",
      /field "labels" is missing; a single task lists its labels/,
    ],
    [
      "one label only",
      { ...plainTask, labels: [{ name: "a" }] },
      "wrong-labels",
      /found only one, expected at least 2/,
    ],
    [
      "a label named twice",
      { ...plainTask, labels: [{ name: "a" }, { name: "b" }, { name: "a" }] },
      "wrong-labels",
      /field "labels\[2\]\.name": "a" is also the name of labels\[0\]/,
    ],
    [
      "a word used twice",
      { ...plainTask, labels: [{ name: "a" }, { name: "b", word: "a" }] },
      "wrong-labels",
      /field "labels\[1\]\.word": "a" is also the word of labels\[0\]/,
    ],
    [
      "a label with a blank at its end",
      { ...plainTask, labels: [{ name: "a " }, { name: "b" }] },
      "wrong-labels",
      /begins or ends with white space/,
    ],
    [
      "a colour that no theme has",
      { ...plainTask, labels: [{ name: "a" }, { name: "b", color: "#ff0000" }] },
      "wrong-field",
      /field "labels\[1\]\.color": found the text "#ff0000", expected "blue" or "yellow" or .* or "orange"\./,
    ],
    [
      "labels of a generation task",
      { ...plainTask, kind: "generation" },
      "wrong-labels",
      /a generation task answers with a text/,
    ],
    [
      "the same file twice",
      { ...plainTask, examples: { train: "examples.jsonl", test: "./examples.jsonl" } },
      "same-file",
      /name the same file/,
    ],
    [
      "an examples file that is not there",
      { ...plainTask, examples: "none.jsonl" },
      "no-such-file",
      /t\.plumb\.json, field "examples": There is no examples file .*none\.jsonl/,
    ],
    [
      "a test file that is a folder",
      { ...plainTask, examples: { train: "examples.jsonl", test: "." } },
      "is-folder",
      /field "examples\.test": .* is a folder, not a file/,
    ],
  ];
  for (const [name, content, code, message] of refused) {
    it(`refuses ${name}, in a sentence`, async () => {
      await folder.writeLines("examples.jsonl", good);
      const file = await folder.write(
        "t.plumb.json",
        typeof content === "string" || Buffer.isBuffer(content) ? content : JSON.stringify(content),
      );
      await assert.rejects(loadTask(file), (error) => {
        assert.ok(error instanceof PlumbError, String(error));
        assert.match(error.message, message);
        assert.equal(error.code, code);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      });
    });
  }

  it("refuses a path that is no file, and names the task files nearby", async () => {
    await folder.writeTask(good);
    const refuse = (file: string, code: string, message: RegExp) =>
      assert.rejects(
        loadTask(file),
        (error) => error instanceof PlumbError && error.code === code && message.test(error.message),
      );
    await refuse(
      folder.at("other.plumb.json"),
      "no-such-file",
      /^There is no task file .*other\.plumb\.json\. Check the path\. Task files there: t\.plumb\.json\.$/,
    );
    await refuse(
      folder.path,
      "is-folder",
      /is a folder, not a file\. Name the task file in it\. Task files there: t\.plumb\.json\.$/,
    );
    await refuse(folder.at("no/such/x.plumb.json"), "no-such-file", /^There is no task file/);
  });

  it("names the line of what is wrong in a task file, whether it can be used or not", async () => {
    const lines = [
      "{",
      '  "version": 1, "name": "n",',
      '  "kind": "single",',
      '  "instructon": "Which?",',
      '  "labels": [',
      '    { "name": "good" },',
      '    { "name": "Good" },',
      '    { "description": "x", "name": "bad" }',
      "  ],",
      '  "examples": "e.jsonl"',
      "}",
    ];
    await folder.write("e.jsonl", "");
    const at = async (...changes: [number, string][]) => {
      const changed = [...lines];
      for (const [line, text] of changes) changed[line - 1] = text;
      const file = await folder.write("t.plumb.json", changed.join("\r\n"));
      return loadTask(file).then(
        ({ problems }) => problems.map(({ code, line }) => `${code} ${line}`),
        (error: unknown) => {
          assert.ok(error instanceof TaskError);
          return `${error.code} ${error.line}`;
        },
      );
    };
    assert.deepEqual(await at(), ["unknown-field 4", "labels-alike 7"]);
    assert.equal(await at([3, '  "kind": "sngle",']), "wrong-field 3");
    assert.equal(await at([8, '    { "name": 7 }']), "wrong-field 8");
    assert.equal(await at([8, '    { "description": "no name" }']), "wrong-field 8");
    assert.equal(
      await at([7, '    { "name": "ugly", "color": "red" },'], [8, '    { "color": "gren", "name": "bad" }']),
      "wrong-field 8",
    );
    assert.equal(await at([3, ""]), "wrong-field 1");
    assert.equal(await at([7, '    { "name": "good" },']), "wrong-labels 7");
    assert.equal(await at([4, '  "kind": "multi",']), "field-twice 4");
    assert.equal(await at([9, "  ,"]), "not-json 10");
    assert.equal(await at([10, '  "examples": "none.jsonl"']), "no-such-file 10");
    assert.equal(
      await at([10, '  "examples": { "train": "e.jsonl",'], [11, '  "test": "e.jsonl" }}']),
      "same-file 11",
    );
  });
});
