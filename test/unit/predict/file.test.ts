import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { headOf, predictedCells, predictFile, type AnswersWith } from "../../../src/core/predict";

const answers: AnswersWith = { kind: "single", labels: ["pressure", "none"], thresholds: null };
const multi: AnswersWith = { kind: "multi", labels: ["a", "b"], thresholds: [0.3, 0.8] };
const generation: AnswersWith = { kind: "generation", labels: [], thresholds: null };

describe("what is written for a prediction", () => {
  it("fills as many cells as there are heads, whatever the kind and whether there is a text", () => {
    for (const of of [answers, multi, generation]) {
      for (const row of [null, { scores: [0.2, 0.8], output: "x", cut: false }])
        assert.equal(predictedCells(row, of).length, headOf(of, []).length);
    }
  });

  it("gives the likeliest label, or all from their thresholds on", () => {
    const row = { scores: [0.3, 0.7], cut: true };
    assert.deepEqual(predictedCells(row, answers), ["none", "0.7", "0.3", "0.7", "yes"]);
    assert.deepEqual(predictedCells(row, multi), ["a", "0.3", "0.7", "yes"]);
    assert.deepEqual(predictedCells({ scores: [0.9, 0.9], cut: false }, multi)[0], "a; b");
    assert.deepEqual(predictedCells({ output: "so", cut: false }, generation), ["so", ""]);
  });

  it("takes no name of a column that is there", () => {
    const taken = ["text", "predicted", "predicted 2", "p(none)"];
    const head = headOf(answers, taken);
    assert.equal(new Set([...taken, ...head]).size, taken.length + head.length);
  });
});

describe("a file with an adapter's answers", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-predict-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const source = () => path.join(folder, "messages.csv");
  const job = (columns: string[], more = {}) => ({
    ...{ file: source(), column: "text", columns, answers },
    predict: (texts: readonly string[]) =>
      Promise.resolve(
        texts.map((text) => ({ scores: text.includes("now") ? [0.9, 0.1] : [0.25, 0.75], cut: false })),
      ),
    ...more,
  });

  it("keeps every row and cell in its order, and leaves the source alone", async () => {
    const text = 'id;text;note\n1;"Buy; now ""!""";x\n2;;y\n3;"two\nlines";"a,b"\n';
    await writeFile(source(), text);
    const done = await predictFile(job(["id", "text", "note"]));
    assert.deepEqual(
      { ...done, file: path.basename(done.file) },
      {
        ...{ file: "messages.predicted.csv", rows: 3, empty: 1, unread: 0 },
      },
    );
    assert.equal(
      await readFile(done.file, "utf8"),
      [
        "\ufeffid,text,note,predicted,probability,p(pressure),p(none),cut\r\n",
        '1,"Buy; now ""!""",x,pressure,0.9,0.9,0.1,\r\n',
        "2,,y,,,,,\r\n",
        '3,"two\nlines","a,b",none,0.75,0.25,0.75,\r\n',
      ].join(""),
    );
    assert.equal(await readFile(source(), "utf8"), text);
  });

  it("never writes over a file, and has no other file left", async () => {
    await writeFile(source(), "text\nnow\n");
    await writeFile(path.join(folder, "messages.predicted.csv"), "mine");
    const done = await predictFile(job(["text"]));
    assert.equal(path.basename(done.file), "messages.predicted-2.csv");
    assert.equal(await readFile(path.join(folder, "messages.predicted.csv"), "utf8"), "mine");
    assert.equal((await readdir(folder)).length, 3);
  });

  it("writes nothing where it is stopped or the adapter dies", async () => {
    await writeFile(source(), `text\n${"now\n".repeat(300)}`);
    const controller = new AbortController();
    let asked = 0;
    const predict = (texts: readonly string[]) => {
      if (++asked === 2) controller.abort();
      return Promise.resolve(texts.map(() => ({ scores: [1, 0], cut: false })));
    };
    await assert.rejects(predictFile(job(["text"], { predict, signal: controller.signal })), {
      code: "interrupted",
    });
    const dead = () => Promise.reject(new Error("The worker ended."));
    await assert.rejects(predictFile(job(["text"], { predict: dead })), /worker ended/);
    assert.deepEqual(await readdir(folder), ["messages.csv"]);
  });

  it("asks in batches, tells how far it is, and counts rows that could not be read", async () => {
    await writeFile(source(), `id,text\n${"1,now\n".repeat(150)}2,x,y,z\n`);
    const done: number[] = [];
    const sizes: number[] = [];
    const { predict } = job(["id", "text"]);
    const result = await predictFile(
      job(["id", "text"], {
        predict: (texts: readonly string[]) => {
          sizes.push(texts.length);
          return predict(texts);
        },
        onProgress: (rows: number) => done.push(rows),
      }),
    );
    assert.deepEqual(sizes, [64, 64, 22]);
    assert.deepEqual(done, [64, 128, 150]);
    assert.equal(result.unread, 1);
  });
});
