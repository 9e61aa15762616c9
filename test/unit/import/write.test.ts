import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, mkdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { checkTask, loadTask } from "../../../src/core/data";
import { PlumbError } from "../../../src/core/errors";
import {
  inspect,
  prepareTask,
  surveyTask,
  writeTask,
  type NewTask,
  type ReadHooks,
} from "../../../src/core/import";
import { textOf } from "../data/folder";
import { fixture, readAll } from "./expected";

describe("a task out of a file", () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(path.join(os.tmpdir(), "plumb-import-"))));
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const put = async (name: string, content: string | Buffer) => {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
    return file;
  };
  /** With what is guessed, changed by `choices`. */
  const make = async (
    file: string,
    choices: Partial<NewTask["choices"]> = {},
    rest: Partial<NewTask> = {},
    hooks: ReadHooks = {},
  ) => {
    const { guess } = await inspect(file, rest.read);
    return writeTask(file, { read: {}, choices: { ...guess!, ...choices }, ...rest }, hooks);
  };
  const examplesOf = async (file: string) =>
    (await readFile(file, "utf8"))
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const codes = (made: { problems: { line: number | null; code: string }[] }) =>
    made.problems.map(({ line, code }) => `${line ?? "-"}: ${code}`);
  const refused = (code: string, words: RegExp) => (error: unknown) =>
    error instanceof PlumbError && error.code === code && words.test(error.message);

  const messages = (count: number) =>
    `text,label\n${Array.from({ length: count }, (_, n) => `"${textOf(n)}, indeed",${n % 4 === 0 ? "yes" : "no"}\n`).join("")}`;

  it("is one that a run takes: the test part drawn, a fifth of each class, the source as it was", async () => {
    const source = messages(200);
    const file = await put("messages.csv", source);
    const made = await make(file, {}, { instruction: "Is it?" });
    assert.equal(await readFile(file, "utf8"), source);
    assert.deepEqual((await readdir(folder)).sort(), [
      "messages.csv",
      "messages.jsonl",
      "messages.plumb.json",
    ]);
    assert.deepEqual(made.counts, { rows: 200, examples: 200, answered: 200, train: 160, test: 40 });
    const examples = await examplesOf(made.examplesFile);
    assert.equal(examples.filter(({ split, label }) => split === "test" && label === "yes").length, 10);
    assert.deepEqual(examples[1], {
      ...examples[1],
      id: "2",
      text: `${textOf(1)}, indeed`,
      label: "no",
      source: "messages.csv:3",
    });
    const loaded = await loadTask(made.taskFile);
    assert.deepEqual(loaded.problems, []);
    assert.equal(loaded.examples.length, 200);
    const check = checkTask(loaded, null);
    assert.ok(check.runnable);
    assert.deepEqual([check.split?.made, check.split?.test], ["given", 40]);
  });

  it("keeps near duplicates and groups on one side of the drawn split", async () => {
    const rows = Array.from({ length: 120 }, (_, n) => {
      const copy = textOf(Math.floor(n / 3));
      return `"${copy}${"!".repeat(n % 3)}",${Math.floor(n / 3) % 2 ? "a" : "b"},author ${Math.floor(n / 6)}`;
    });
    const file = await put("t.csv", `text,label,author\n${rows.join("\n")}`);
    for (const group of [null, "author"]) {
      const made = await make(file, { group }, { out: path.join(folder, `out-${String(group)}`) });
      const size = group === null ? 3 : 6;
      assert.ok(made.counts.test > 0);
      made.examples.forEach((example, at) => {
        assert.equal(example.split, made.examples[at - (at % size)]?.split);
      });
    }
  });

  it("takes for a group who wrote, not one of a few sources, and for the answer what was judged, not who judged", async () => {
    const people = ["Иванова", "Петров"];
    const guessOf = async (group: string, authors: number, answer: string, judge: string) => {
      const rows = Array.from({ length: 60 }, (_, n) => [
        textOf(n),
        `кто-то ${n % authors}`,
        ["вина", "нет", "лесть"][n % 3],
        n % 4 === 0 ? "" : people[n % 2],
      ]);
      const lines = [["Текст", group, answer, judge], ...rows].map((cells) =>
        cells.map((one) => `"${one}"`).join(),
      );
      const { guess } = await inspect(await put("guess.csv", lines.join("\n")));
      return [guess!.group, guess!.labels];
    };
    for (const [group, authors, taken] of [
      ["Источник", 3, null],
      ["Источник", 9, null],
      ["Источник", 10, "Источник"],
      ["author", 30, "author"],
    ] as const)
      assert.deepEqual(
        await guessOf(group, authors, "Приём", "Кто размечал"),
        [taken, ["Приём"]],
        `${authors}`,
      );
    for (const judge of ["Разметчик", "coder", "annotator"])
      assert.deepEqual(await guessOf("автор", 30, "вердикт", judge), ["автор", ["вердикт"]], judge);
  });

  it("says that a group leaves nothing to draw a test part from, and not that texts are few", async () => {
    const rows = Array.from({ length: 60 }, (_, n) => `"${textOf(n)}",${n % 2 ? "a" : "b"},one`);
    const file = await put("t.csv", `text,label,source\n${rows.join("\n")}`);
    const made = await make(file, { group: "source" }, { out: path.join(folder, "bound") });
    assert.deepEqual([made.split, codes(made)], [null, ["-: no-split"]]);
    assert.match(made.problems[0]!.message, /the same "source" stay together.* but not as the group\.$/);
    assert.equal((await make(file, { group: null }, { out: path.join(folder, "free") })).split, "drawn");
  });

  it("has a test part that a run accepts, or says why not, however many texts follow one pattern", async () => {
    for (const patterned of [0, 30, 60, 90, 118, 120]) {
      const rows = Array.from({ length: 120 }, (_, n) => {
        const parcel = `Your parcel number ${(n * 7919) % 100_000} is on its way and will reach you on Monday by noon.`;
        const text = n < patterned ? parcel : textOf(n);
        return `"${text}",${n % 2 === 0 ? "a" : "b"}`;
      });
      const file = await put(`t${patterned}.csv`, `text,label\n${rows.join("\n")}`);
      const made = await make(file);
      const check = checkTask(await loadTask(made.taskFile), null);
      const said = made.problems.map(({ code }) => code);
      assert.equal(check.runnable, patterned < 120, `${patterned} of 120 alike`);
      assert.deepEqual(said, patterned < 60 ? [] : ["alike"], `${patterned} of 120 alike`);
      assert.equal(made.split, patterned < 120 ? "drawn" : null);
    }
  });

  it("is written whole or not at all, and never over a file", async () => {
    const file = await put("m.csv", messages(20));
    for (const taken of ["m.jsonl", "m.plumb.json"]) {
      await put(taken, "mine");
      await assert.rejects(make(file), refused("file-exists", new RegExp(`${taken} is there already`)));
      assert.equal(await readFile(path.join(folder, taken), "utf8"), "mine");
      assert.equal((await readdir(folder)).length, 2);
      await rm(path.join(folder, taken));
    }
    await assert.rejects(
      make(file, {}, { out: path.join(folder, "none", "m") }),
      refused("cannot-write", /no such folder/),
    );
    const lines = await put("m.jsonl", '{"text": "a b", "label": "x"}\n{"text": "c d", "label": "y"}\n');
    const made = await make(lines);
    assert.equal(path.basename(made.taskFile), "m-task.plumb.json");
  });

  it("draws the test part among texts without an answer too, before anybody labels them", async () => {
    const lines = await put("t.txt", Array.from({ length: 100 }, (_, n) => `Text ${textOf(n)}\n`).join(""));
    const made = await make(lines, {}, { labelSet: ["a", "b"], testShare: 0.3 });
    assert.deepEqual(made.counts, { rows: 100, examples: 100, answered: 0, train: 70, test: 30 });
    assert.equal(made.split, "drawn");
    const alone = await make(await put("one.txt", "A text alone.\n"), {}, { labelSet: ["a", "b"] });
    assert.deepEqual([alone.split, codes(alone)], [null, ["-: no-split"]]);
  });

  it("gives labels other names, an order, descriptions, and merges two of them", async () => {
    const file = await put("m.csv", "text,labels\none text,a;A\ntwo texts,b\nthree texts,A\nno text,\n");
    const made = await make(
      file,
      { kind: "multi", labels: ["labels"], separator: ";" },
      {
        labelSet: ["new", "Beta", "alpha"],
        renamed: new Map([
          ["a", "alpha"],
          ["A", "alpha"],
          ["b", "Beta"],
        ]),
        descriptions: new Map([["alpha", "The first."]]),
        baseModel: "some-model",
      },
    );
    assert.deepEqual(made.task.labels, [
      { name: "new" },
      { name: "Beta" },
      { name: "alpha", description: "The first." },
    ]);
    assert.deepEqual(
      made.examples.map(({ labels }) => labels ?? null),
      [["alpha"], ["Beta"], ["alpha"], null],
    );
    assert.deepEqual(made.labels, [
      { label: "new", count: 0 },
      { label: "Beta", count: 1 },
      { label: "alpha", count: 2 },
    ]);
    assert.equal(made.task.baseModel, "some-model");
    const flags = await put("f.csv", "text,fear,guilt\none text,1,0\ntwo texts,1,1\n");
    const yes = await make(flags, {}, { renamed: new Map([["fear", "Fear"]]), labelSet: ["guilt", "Fear"] });
    assert.deepEqual(
      yes.examples.map(({ labels }) => labels),
      [["Fear"], ["Fear", "guilt"]],
    );
    assert.deepEqual(yes.task.labels, [{ name: "guilt" }, { name: "Fear" }]);
  });

  it("is surveyed without a draw: the same counts, labels and problems", async () => {
    const file = await put("m.csv", `${messages(40)},yes\nmore words,\n`);
    const { guess } = await inspect(file);
    const options = { read: {}, choices: guess! };
    const survey = await surveyTask(file, options);
    const { counts, labels, problems, problemCount } = await prepareTask(file, options);
    assert.deepEqual(survey, {
      ...{ rows: counts.rows, examples: counts.examples, answered: counts.answered },
      ...{ labels, problems, problemCount },
    });
    assert.deepEqual(codes(survey), ["42: no-text"]);
  });

  it("stops in the middle of the draw, too", async () => {
    const file = await put("m.csv", messages(3000));
    const stop = new AbortController();
    const hooks: ReadHooks = {
      signal: stop.signal,
      onProgress: ({ phase, done }) => {
        if (phase === "drawing" && done > 0.1) stop.abort();
      },
    };
    await assert.rejects(make(file, {}, {}, hooks), refused("interrupted", /Stopped/));
    assert.deepEqual(await readdir(folder), ["m.csv"]);
  });

  it("stops where the signal says so, and writes nothing", async () => {
    const file = await put("m.csv", messages(20_000));
    const stop = new AbortController();
    const seen: number[] = [];
    const hooks = {
      signal: stop.signal,
      onProgress: ({ done, total }: { done: number; total: number }) => {
        seen.push(done / total);
        if (done > 0) stop.abort();
      },
    };
    await assert.rejects(make(file, {}, {}, hooks), refused("interrupted", /Stopped/));
    assert.ok(seen.at(-1)! > 0 && seen.at(-1)! <= 1);
    assert.deepEqual(await readdir(folder), ["m.csv"]);
    stop.abort();
    await assert.rejects(inspect(file, {}, { signal: stop.signal }), refused("interrupted", /Stopped/));
  });

  it("tells every row that has no text or no usable answer, by its line", async () => {
    const file = await put(
      "m.csv",
      'text,label\n"two\nlines",a\n,b\nfine words,a\n"bad \0 one",a\nragged,a,b,c\nshort\nopen words,\nmore words,b\n',
    );
    const made = await make(file, { kind: "single", labels: ["label"] });
    assert.deepEqual(codes(made).sort(), ["4: no-text", "6: broken-text", "7: ragged", "8: ragged"]);
    assert.deepEqual(
      made.examples.map(({ text, label }) => [text, label ?? null]),
      [
        ["two\nlines", "a"],
        ["fine words", "a"],
        ["short", null],
        ["open words", null],
        ["more words", "b"],
      ],
    );
  });

  it("reads several labels out of 1-or-0 columns, lists and values with a separator", async () => {
    const texts = ["one thing", "another thing", "a third thing", "a fourth thing"];
    const table = (head: string, cells: string[]) =>
      `text;${head}\n${texts.map((text, at) => `${text};${cells[at]!}`).join("\n")}\n`;
    const cases: [string, (string[] | null)[]][] = [
      [table("fear;guilt", ["1;0", "1;1", "0;0", ";"]), [["fear"], ["fear", "guilt"], [], null]],
      [table("fear;guilt", ["x;", "x;x", ";x", "x;"]), [["fear"], ["fear", "guilt"], ["guilt"], ["fear"]]],
      [table("tags", ["fear", "fear|guilt", "guilt", ""]), [["fear"], ["fear", "guilt"], ["guilt"], null]],
      [
        table("tags", ['"[""fear""]"', '"[""fear"", ""guilt""]"', "[]", ""]),
        [["fear"], ["fear", "guilt"], [], null],
      ],
      [table("tags", ["['fear']", "['fear', 'guilt']", "[]", ""]), [["fear"], ["fear", "guilt"], [], null]],
    ];
    for (const [at, [content, labels]] of cases.entries()) {
      const made = await make(await put(`m${at}.csv`, content));
      assert.equal(made.task.kind, "multi");
      assert.deepEqual(
        made.examples.map((example) => example.labels ?? null),
        labels,
      );
      assert.deepEqual(
        made.task.labels?.map(({ name }) => name),
        ["fear", "guilt"],
      );
    }
  });

  it("refuses to choose where a single label is asked for and several or odd ones stand there", async () => {
    const file = await put("m.csv", "text,a,b\none text,1,0\ntwo texts,1,1\nno text,0,0\nodd text,0,maybe\n");
    const made = await make(file, { kind: "single", labels: ["a", "b"], flags: true });
    assert.deepEqual(
      made.examples.map(({ label }) => label ?? null),
      ["a", null, null, null],
    );
    assert.deepEqual(codes(made), ["3: no-answer", "4: no-answer", "5: no-answer"]);
  });

  it("takes an answer in words, all of them as references", async () => {
    const file = await put(
      "m.jsonl",
      Array.from(
        { length: 30 },
        (_, n) => `${JSON.stringify({ document: textOf(n), summary: [`short ${n}`, `brief ${n}`] })}\n`,
      ).join(""),
    );
    const made = await make(file);
    assert.equal(made.task.kind, "generation");
    assert.deepEqual(
      [made.examples[0]?.target, made.examples[0]?.references],
      ["short 0", ["short 0", "brief 0"]],
    );
    assert.equal(made.task.labels, undefined);
    assert.equal(made.counts.test, 6);
  });

  it("takes a given split, ids and other columns as they are", async () => {
    const rows = [
      "a,first text,x,test,7,note 1",
      "b,second text,y,train,8,",
      "b,third text,x,val,9,",
      ",fourth text,y,test,1,",
      "e,fifth text,y,later,1,",
    ];
    const file = await put("m.csv", `id,text,label,split,score,note\n${rows.join("\n")}\n`);
    const made = await make(file, { id: "id", split: "split" }, { keep: ["score", "note"] });
    assert.equal(made.split, "given");
    assert.deepEqual(
      made.examples.map(({ id, split }) => [id, split]),
      [
        ["a", "test"],
        ["b", "train"],
        ["b-2", "train"],
        ["4", "test"],
        ["e", "train"],
      ],
    );
    assert.deepEqual([made.examples[0]?.score, made.examples[0]?.note], ["7", "note 1"]);
    assert.deepEqual(codes(made), ["4: id-twice", "5: no-id", "6: unknown-part"]);
    await assert.rejects(
      make(file, {}, { keep: ["split"], out: path.join(folder, "x") }),
      refused("reserved-column", /"split"/),
    );
  });

  it("takes texts without labels where the labels are named, a text a line or a file", async () => {
    const lines = await put("t.txt", "First text, of two.\r\n\r\nSecond; text\r\n");
    const made = await make(lines, {}, { labelSet: ["good", "bad"] });
    assert.deepEqual(
      made.examples.map(({ split: _, ...rest }) => rest),
      [
        { id: "1", text: "First text, of two.", source: "t.txt:1" },
        { id: "2", text: "Second; text", source: "t.txt:3" },
      ],
    );
    assert.deepEqual(made.task.labels, [{ name: "good" }, { name: "bad" }]);
    const some = await put("s.csv", "text,label\nsome words,bad\nmore words,so so\nother words,bad\n");
    const partly = await make(some, { labels: ["label"] }, { labelSet: ["good", "bad"] });
    assert.deepEqual(partly.labels, [
      { label: "good", count: 0 },
      { label: "bad", count: 2 },
      { label: "so so", count: 1 },
    ]);
    await assert.rejects(
      make(lines, {}, { out: path.join(folder, "u") }),
      refused("wrong-labels", /there are no labels/),
    );

    await put("all/pos/10.txt", "Fine.");
    await put("all/pos/9.txt", Buffer.from("Très bien.", "latin1"));
    await put("all/neg/1.txt", "Bad.\nVery.");
    await put("all/neg/2.bin", Buffer.from([0, 1, 2, 3, 0, 7, 9, 0]));
    const { rows, told } = await readAll(path.join(folder, "all"));
    assert.deepEqual(rows, [
      { text: "Bad.\nVery.", file: "neg/1.txt", folder: "neg" },
      { text: "Très bien.", file: "pos/9.txt", folder: "pos" },
      { text: "Fine.", file: "pos/10.txt", folder: "pos" },
    ]);
    assert.deepEqual(told, ["-: not-text"]);
  });

  it("tells what a folder holds that is not read: links, what is no file, and hidden files", async () => {
    await put("all/a.txt", "One.");
    await put("other/b.txt", "Two.");
    await put("all/.hidden/c.txt", "Three.");
    await put("all/.c.txt", "Four.");
    for (const name of [".DS_Store", "Thumbs.db", "desktop.ini", "._a.txt"]) await put(`all/${name}`, "\0");
    await symlink(path.join(folder, "other/b.txt"), path.join(folder, "all/b.txt"));
    await symlink(path.join(folder, "other"), path.join(folder, "all/other"));
    await symlink(path.join(folder, "none"), path.join(folder, "all/z.txt"));
    const server = createServer();
    await new Promise<void>((done) => server.listen(path.join(folder, "all/socket"), done));
    const { rows, problems } = await inspect(path.join(folder, "all")).finally(() => server.close());
    assert.equal(rows, 1);
    assert.deepEqual(
      problems.map(({ message }) => message.replace(/ Put .*/, "")),
      [
        "b.txt: this is a link; it was left out.",
        "other: this is a link; it was left out.",
        "socket: this is not a regular file; it was left out.",
        "z.txt: this is a link; it was left out.",
        "2 hidden files or folders were left out: .c.txt, .hidden.",
      ],
    );
  });

  it("makes the tasks that the exports hold", async () => {
    const made = await prepareTask(fixture("label-studio.json"), {
      read: {},
      choices: (await inspect(fixture("label-studio.json"))).guess!,
    });
    assert.deepEqual(
      made.examples.map(({ id, label }) => [id, label ?? null]),
      [
        ["11", "pressure"],
        ["12", "none"],
        ["13", null],
        ["14", null],
        ["15", "none"],
      ],
    );
  });

  it("names the columns there are where one is missing, and refuses answers that are no labels", async () => {
    const file = await put("m.csv", messages(20));
    await assert.rejects(make(file, { labels: ["lable"] }), refused("no-column", /"lable".*"text", "label"/));
    const many = await put(
      "n.csv",
      `text,label\n${Array.from({ length: 600 }, (_, n) => `words ${n},label ${n}`).join("\n")}`,
    );
    await assert.rejects(
      make(many, { kind: "single", labels: ["label"] }),
      refused("wrong-labels", /600 different labels/),
    );
  });
});
