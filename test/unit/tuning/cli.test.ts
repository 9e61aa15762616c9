import assert from "node:assert/strict";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Command } from "commander";
import fc from "fast-check";
import { batchSize, dropout, heldOutShare, learningRate, rank, threads } from "../../../src/cli/options";
import { answerRow, expectFile } from "../../../src/cli/predict";
import { Progress, progressLine, timeLeft } from "../../../src/cli/progress";
import { reportWidth, textWidth } from "../../../src/cli/terminal";
import { textBatches, type Asked } from "../../../src/cli/texts";
import { register as registerTune } from "../../../src/cli/tune";
import { LoraSettings, Threads, TuningSettings, type MethodName } from "../../../src/core/schema";
import { resolveSettings } from "../../../src/core/tuning/settings";

async function textsOf(...chunks: (string | Uint8Array)[]): Promise<Asked[]> {
  async function* stream() {
    for (const chunk of chunks) yield await Promise.resolve(Buffer.from(chunk));
  }
  const texts: Asked[] = [];
  for await (const batch of textBatches(stream(), "new.txt")) texts.push(...batch);
  return texts;
}

describe("texts of predict", () => {
  it("are the same however the stream is cut, characters of several bytes included", async () => {
    const whole = Buffer.from("\uFEFFодин\r\nдва 🎈\n\nthree\nfour\rfive\r\rsix\r");
    const expected = [
      { name: { line: 1 }, text: "один" },
      { name: { line: 2 }, text: "два 🎈" },
      { name: { line: 4 }, text: "three" },
      { name: { line: 5 }, text: "four" },
      { name: { line: 6 }, text: "five" },
      { name: { line: 8 }, text: "six" },
    ];
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat(whole.length)), async (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), whole.length];
        const chunks = at.slice(1).map((end, i) => whole.subarray(at[i], end));
        assert.deepEqual(await textsOf(...chunks), expected);
      }),
      { seed: 31 },
    );
  });

  it("come from JSON Lines where the first line is an object", async () => {
    const texts = await textsOf('{"id":"a","text":"one"}\n', '{"text":"two"}\n{"id":3,"text":"three"}\n');
    assert.deepEqual(texts, [
      { name: { id: "a" }, text: "one" },
      { name: { line: 2 }, text: "two" },
      { name: { id: "3" }, text: "three" },
    ]);
    assert.equal((await textsOf("{not JSON}\n"))[0]?.text, "{not JSON}");
    assert.equal((await textsOf("[1]\n"))[0]?.text, "[1]");
  });

  it("are no lines of a JSON list or of an object in lines: judged as texts, the slip would go unseen", async () => {
    const entries = [{ text: "one" }, { text: "two" }];
    const lists = [
      JSON.stringify(entries),
      JSON.stringify(entries, null, 2),
      '[{"text": "one"},\n{"text": "two"}]',
      '[ {\n "text": "one" }]',
      '["one", "two"]',
      '["one",\n"two"]',
      "[]",
    ];
    for (const list of lists)
      await assert.rejects(
        textsOf("\n", list),
        /^PlumbError: new\.txt, line 2: a JSON list begins here.*jq -c/,
        list,
      );
    await assert.rejects(textsOf(JSON.stringify({ rows: entries }, null, 2)), /line 1: not JSON/);
    for (const text of ["[1]", "[sic] she wrote", '["No," he said]', "[ ]x", "{ }x"])
      assert.deepEqual(await textsOf(`${text}\n`), [{ name: { line: 1 }, text }]);
    // What comes later is a text like any other.
    assert.equal((await textsOf("one\n[\n"))[1]?.text, "[");
  });

  it("that cannot be read are named by line", async () => {
    await assert.rejects(textsOf('{"text":"one"}\n{"text":\n'), /^PlumbError: new\.txt, line 2: not JSON/);
    await assert.rejects(textsOf('{"text": one}\n'), /^PlumbError: new\.txt, line 1: not JSON/);
    await assert.rejects(textsOf('{"text":"one"}\n{"text":" "}\n'), /line 2: no field "text"/);
    // An object without a text is a slip; labelled as a text of braces it would go unseen.
    await assert.rejects(textsOf('{"txt":"one"}\n'), /line 1: no field "text"/);
    await assert.rejects(textsOf("one\ntw\0o\n"), /line 2: found a NUL byte/);
    await assert.rejects(
      textsOf(String.raw`{"text":"a\u0000b"}`),
      /line 1: field "text" holds the character NUL/,
    );
    await assert.rejects(
      textsOf(String.raw`{"text":"a\ud83d"}`),
      /line 1: field "text" holds half of a char/,
    );
    const bad = Buffer.concat([
      Buffer.from("one\r\ntwo\rthree "),
      Uint8Array.of(0xff),
      Buffer.from("\nfour\n"),
    ]);
    await assert.rejects(textsOf(bad), /^PlumbError: new\.txt, line 3: not UTF-8/);
    await assert.rejects(textsOf(Uint8Array.of(0xff, 0xfe)), /^PlumbError: new\.txt, line 1: not UTF-8/);
  });

  it("go on in batches as they come", async () => {
    const sizes: number[] = [];
    async function* stream() {
      yield await Promise.resolve(Buffer.from("a\nb\n"));
      yield await Promise.resolve(Buffer.from("x\n".repeat(1300)));
    }
    for await (const batch of textBatches(stream(), "new.txt")) sizes.push(batch.length);
    assert.deepEqual(sizes, [2, 512, 512, 276]);
  });
});

describe("what is no file of texts for predict", () => {
  const refused = (file: string, what: RegExp) => assert.rejects(expectFile(file), what);

  it("is refused in a sentence that says where a text goes, however long it is", async () => {
    await refused("nowhere.txt", /^PlumbError: nowhere\.txt does not exist\. .*standard input/);
    await refused(
      "Buy now! ".repeat(1000),
      /^PlumbError: "Buy now! [^"]{20,40}" does not exist\. .*standard input/,
    );
    await refused(__dirname, /is a folder; expected a file of texts\.$/);
    await refused(path.join(__filename, "x"), /^PlumbError: Cannot read .*: a part of its path is a file/);
  });

  it("is a link that goes in a circle", async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), "plumb-texts-"));
    const link = path.join(folder, "link");
    await symlink(link, link);
    await refused(
      link,
      /^PlumbError: Cannot read .*link: its symbolic links go in a circle\. Correct them\.$/,
    );
    await rm(folder, { recursive: true });
  });
});

describe("answers of predict", () => {
  const asked = { name: { line: 3 }, text: "x" };
  const single = { kind: "single" as const, labels: ["a", "b"], thresholds: null };
  const multi = { kind: "multi" as const, labels: ["a", "b", "c", "d"], thresholds: [0.5, 0.2, 0.5, 0.5] };

  it("name the most probable label, or none where it is not sure enough", () => {
    const row = { scores: [0.25, 0.75], cut: false };
    const scores = { a: 0.25, b: 0.75 };
    assert.deepEqual(answerRow(asked, row, single, 0.7), { line: 3, label: "b", probability: 0.75, scores });
    assert.deepEqual(answerRow(asked, row, single, 0.8), {
      line: 3,
      label: null,
      abstained: true,
      probability: 0.75,
      scores,
    });
  });

  it("name every label that reaches its own threshold", () => {
    const row = { scores: [0.9, 0.3, 0.4, 0.05], cut: true };
    const scores = { a: 0.9, b: 0.3, c: 0.4, d: 0.05 };
    assert.deepEqual(answerRow(asked, row, multi, 0), { line: 3, labels: ["a", "b"], scores, cut: true });
    assert.deepEqual(answerRow(asked, row, multi, 0.8), {
      line: 3,
      labels: ["a"],
      abstained: ["b", "c"],
      scores,
      cut: true,
    });
  });

  it("are the output of a generation task", () => {
    const generation = { kind: "generation" as const, labels: [], thresholds: null };
    assert.deepEqual(answerRow(asked, { output: "so", cut: false }, generation, 0), {
      line: 3,
      output: "so",
    });
  });
});

describe("progress", () => {
  const state = {
    title: "Tuning",
    done: 80,
    total: 160,
    details: ["40 s left", "loss 0.41", "held-out F1 0.83"],
  };
  const writer = (isTTY: boolean, columns = 80) => {
    const written: string[] = [];
    return { written, stream: { isTTY, columns, write: (text: string) => written.push(text) } };
  };

  it("fits any width and keeps what matters most", () => {
    fc.assert(
      fc.property(fc.nat(120), (width) => {
        assert.ok(progressLine(state, width).length <= width);
      }),
      { seed: 32 },
    );
    assert.equal(
      progressLine(state, 100),
      "Tuning  ██████████░░░░░░░░░░   50 %  40 s left  loss 0.41  held-out F1 0.83",
    );
    assert.equal(progressLine(state, 30), "Tuning   50 %  40 s left");
    assert.equal(progressLine(state, 14), "Tuning   50 %");
  });

  it("is one line on a terminal, drawn over itself; words go above it", () => {
    const { written, stream } = writer(true);
    let now = 0;
    const progress = new Progress(stream, () => now);
    progress.update(state);
    now += 1000;
    progress.update({ ...state, done: 120 });
    progress.say("Note");
    progress.finish();
    const text = written.join("");
    assert.equal(text.split("\n").length, 3);
    const lines = text.split("\n").map((line) => line.split("\r\u001b[2K").at(-1));
    assert.equal(lines[0], "Note");
    assert.match(lines[1]!, /^Tuning .* 75 %/);
  });

  it("takes a terminal that does not know its width for one of 80 columns, as the other words do", () => {
    const { written, stream } = writer(true, 0);
    new Progress(stream).update(state);
    assert.match(written.join(""), /Tuning {2}█+░+ +50 % {2}40 s left/);
    const widths = [stream, { isTTY: true }, { isTTY: true, columns: 40 }, { isTTY: true, columns: 300 }, {}];
    assert.deepEqual(widths.map(textWidth), [80, 80, 40, 100, null]);
    assert.deepEqual(widths.map(reportWidth), [80, 80, 40, 100, 100]);
  });

  it("is a plain line now and then in a pipe, and always the last", () => {
    const { written, stream } = writer(false);
    let now = 0;
    const progress = new Progress(stream, () => now);
    for (let done = 0; done <= 160; done++) {
      progress.update({ ...state, done });
      now += 200;
    }
    progress.finish();
    assert.deepEqual(
      written.map((line) => /^Tuning: (\d+) of 160, 40 s left.*\n$/.exec(line)?.[1]),
      ["0", "50", "100", "150", "160"],
    );
  });

  it("says how long in words that fit", () => {
    assert.deepEqual([7.2, 200, 9000].map(timeLeft), ["8 s left", "3 min left", "2.5 h left"]);
  });
});

describe("options of tune", () => {
  const accepts = (parse: (value: string) => number, value: string) => {
    try {
      parse(value);
      return true;
    } catch (error) {
      assert.match(String(error), /expected a (whole )?number (from|above)/);
      return false;
    }
  };

  it("are refused on the command line where the worker would not take them", () => {
    for (const value of [
      "",
      " ",
      "x",
      "-1",
      "0",
      "0.5",
      "0.51",
      "1",
      "1.5",
      "2",
      "4096",
      "4097",
      "1000",
      "1000.5",
      "1024",
      "1025",
      "1e300",
      "1e9",
      "NaN",
    ]) {
      const number = value.trim() === "" ? Number.NaN : Number(value);
      const { batch, heldOutShare: share, ...settings } = TuningSettings.shape;
      const lora = LoraSettings.shape;
      assert.equal(accepts(batchSize, value), batch.safeParse(number).success, `--batch "${value}"`);
      assert.equal(accepts(heldOutShare, value), share.safeParse(number).success, `--held-out "${value}"`);
      for (const schema of [
        settings.promptRate,
        settings.biasRate,
        settings.fullRate,
        LoraSettings.shape.rate,
      ])
        assert.equal(accepts(learningRate, value), schema.safeParse(number).success, `a rate of "${value}"`);
      assert.equal(accepts(threads, value), Threads.safeParse(number).success, `--threads "${value}"`);
      assert.equal(accepts(rank, value), lora.rank.safeParse(number).success, `--lora-rank "${value}"`);
      assert.equal(
        accepts(dropout, value),
        lora.dropout.safeParse(number).success,
        `--lora-dropout "${value}"`,
      );
    }
    assert.ok(!accepts(learningRate, "1e300") && !accepts(threads, "1025"), "the engine takes no such");
    assert.ok(!accepts(batchSize, "1e9"), "a step of that many examples fits into no memory");
  });

  it("are said in the help with the defaults that a run has", () => {
    const program = new Command();
    registerTune(program);
    const help = program.commands[0]!.options;
    const said = (flag: string) =>
      /\(default: (.*)\)/.exec(help.find(({ long }) => long === flag)!.description)![1]!;
    const of = (method: MethodName) =>
      resolveSettings({ method }, { kind: "single", examples: 300, contextLength: 512 });
    assert.equal(Number(said("--full-rate")), of("full").fullRate);
    const lora = of("lora").lora!;
    assert.deepEqual(
      ["--lora-rank", "--lora-alpha", "--lora-dropout", "--lora-rate"].map((flag) => Number(said(flag))),
      [lora.rank, lora.alpha, lora.dropout, lora.rate],
    );
    for (const [flag, rate] of [
      ["--prompt-rate", "promptRate"],
      ["--bias-rate", "biasRate"],
    ] as const)
      for (const each of said(flag).split(", ")) {
        const [value, method] = each.split(" of ") as [string, MethodName];
        assert.equal(Number(value), of(method)[rate], each);
      }
    const { batch, promptLength, patience } = of("ptuning-bias");
    assert.deepEqual(
      ["--batch", "--prompt-length", "--patience"].map((flag) => Number(said(flag))),
      [batch, promptLength, patience],
    );
  });
});
