import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { Prediction, Report } from "../../../src/core/schema";
import { seededRandom } from "../../../src/core/random";
import type { BaseModel } from "../../../src/core/model";
import { Manifest } from "../../../src/core/schema";
import { keptExamplesFile, textHash } from "../../../src/core/tuning/run-folder";
import { readAdapter } from "../../../src/core/tuning/adapter";
import { decodeTensors, encodeTensors } from "../../../src/core/tuning/safetensors";
import { chooseLook } from "../../../src/core/tuning/choose";
import type { Evaluation } from "../../../src/core/tuning/detectors";
import { lockFolder } from "../../../src/core/lock";
import type { FromWorker, Job } from "../../../src/core/tuning/protocol";
import { fakeBaseModel, fakeEngine, fakeTable, type FakeBehaviour } from "./fake-engine";
import { SmallDisk } from "../../small-disk";
import { fakeTools, gpusWith, makeTask, QUICK, rows, run, tune, type Ran } from "./fake-task";

const bytesOf = (folder: string, name = "adapter.safetensors") => readFile(path.join(folder, name));
const manifestOf = async (folder: string) =>
  Manifest.parse(JSON.parse((await bytesOf(folder, "manifest.json")).toString()));
const linesOf = async (folder: string, name: string) =>
  (await bytesOf(folder, name))
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
const lossesOf = (ran: Ran) => {
  const losses = new Map<number, number>();
  for (const message of ran.messages) {
    if (message.type === "progress" && message.phase === "tune" && message.loss !== null) {
      losses.set(message.done, message.loss);
    }
  }
  return losses;
};
const notesOf = (ran: Ran) =>
  ran.messages.flatMap((message) => (message.type === "note" ? [message.message] : []));
/** Asks for a stop once this many steps are done. */
const stopAt =
  (step: number, mode: "pause" | "keep" = "pause") =>
  (messages: FromWorker[]) =>
    messages.some(
      (message) => message.type === "progress" && message.phase === "tune" && message.done >= step,
    )
      ? mode
      : null;

describe("a tuning job", () => {
  let task: Awaited<ReturnType<typeof makeTask>>;
  beforeEach(async () => {
    task = await makeTask("single", 90);
  });
  afterEach(() => task.remove());

  it("learns from the part that the run's seed draws, is tested on the whole test part, and resumes with it", async () => {
    const whole = await manifestOf((await run(tune(task.file))).folder);
    const limited = (seed: number) => tune(task.file, { trainLimit: 30, options: { ...QUICK, seed } });
    const straight = await run(limited(1));
    const manifest = await manifestOf(straight.folder);
    assert.equal(manifest.split.train.length, 30);
    assert.deepEqual(manifest.split.test, whole.split.test);
    assert.deepEqual(manifest.trainLimit, { examples: 30, of: whole.split.train.length, seed: 1 });
    const other = await manifestOf((await run(limited(2))).folder);
    assert.notDeepEqual(other.split.train, manifest.split.train);
    const paused = await run(limited(1), fakeTools(), stopAt(9));
    assert.ok(paused.paused);
    await run({ type: "resume", run: paused.folder });
    assert.deepEqual(await bytesOf(paused.folder), await bytesOf(straight.folder));
    assert.equal(Report.parse(straight.result!.report).data.train, 30);
    await assert.rejects(run(tune(task.file, { trainLimit: 90 })), /Cannot draw 90 training examples/);
  });

  it("leaves a whole run folder: manifest, log, adapter, predictions, report", async () => {
    const ran = await run(tune(task.file));
    assert.match(ran.folder, /\.plumb\/runs\/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ-ptuning-bias$/);
    const manifest = await manifestOf(ran.folder);
    assert.equal(manifest.status, "finished");
    assert.equal(manifest.split.train.length + manifest.split.test.length, 90);
    assert.ok(manifest.heldOut.every((id) => manifest.split.train.includes(id)));
    assert.equal(path.resolve(ran.folder, manifest.task.file), task.file);
    const predictions = (await linesOf(ran.folder, "predictions.jsonl")).map((row) => Prediction.parse(row));
    const ids = (part: string) => predictions.filter((row) => row.part === part).map(({ id }) => id);
    assert.deepEqual(ids("test"), manifest.split.test);
    assert.deepEqual([...ids("held-out")].sort(), [...manifest.heldOut].sort());
    assert.ok(predictions.every(({ scores }) => Math.abs(scores!.reduce((a, b) => a + b) - 1) < 1e-5));
    Report.parse(JSON.parse((await bytesOf(ran.folder, "report.json")).toString()));
    assert.match((await bytesOf(ran.folder, "report.html")).toString(), /<!doctype html>/i);
    assert.equal((await bytesOf(path.join(task.folder, ".plumb"), ".gitignore")).toString(), "*\n");
    const texts = rows("single", 90).map(({ text }) => text);
    const stored = (await bytesOf(ran.folder, "predictions.jsonl")).toString();
    assert.ok(
      texts.every((text) => !stored.includes(text)),
      "predictions carry no texts",
    );
    const judged = new Map(rows("single", 90).map(({ id, text }) => [id, textHash(text)]));
    assert.deepEqual(new Map(Object.entries(manifest.texts ?? {})), judged);
  });

  it("keeps nothing to go on from once it has ended, and leaves what is not its own", async () => {
    const notWhole = `.final.safetensors.${randomUUID()}.tmp`;
    for (const [name, behaviour, folds] of [
      ["finished", {}, 3],
      ["trouble", { nanFrom: 20 }, undefined],
    ] as const) {
      const out = path.join(task.folder, name);
      const checkpoints = path.join(out, "checkpoint");
      await run(tune(task.file, { out, ...(folds === undefined ? {} : { folds }) }), fakeTools(), stopAt(5));
      assert.ok((await readdir(checkpoints)).includes("final.safetensors"));
      await writeFile(path.join(checkpoints, notWhole), "half of it, left by a kill");
      if (name === "trouble") await writeFile(path.join(checkpoints, "notes.txt"), "my own");
      await run({ type: "resume", run: out }, fakeTools(behaviour)).catch((error: unknown) =>
        assert.equal(name, "trouble", String(error)),
      );
      assert.equal((await manifestOf(out)).status, name);
      if (name === "trouble") assert.deepEqual(await readdir(checkpoints), ["notes.txt"]);
      else assert.ok(!(await readdir(out)).includes("checkpoint"));
    }
  });

  it("learns: the held-out loss falls and the report beats the majority", async () => {
    const ran = await run(tune(task.file));
    const report = Report.parse(ran.result?.report);
    const losses = lossesOf(ran);
    assert.ok(losses.get(40)! < losses.get(1)! * 0.7);
    const majority = report.rivals.find(({ name }) => name === "majority");
    assert.ok(report.classification!.macroF1.value! > majority!.main.value! + 0.2);
  });

  it("gives the same bits for the same seed, other ones for another", async () => {
    const [one, two, other] = [
      await run(tune(task.file)),
      await run(tune(task.file)),
      await run(tune(task.file, { options: { ...QUICK, seed: 1 } })),
    ];
    assert.deepEqual(await bytesOf(one.folder), await bytesOf(two.folder));
    assert.deepEqual(lossesOf(one), lossesOf(two));
    assert.deepEqual(
      await bytesOf(one.folder, "predictions.jsonl"),
      await bytesOf(two.folder, "predictions.jsonl"),
    );
    assert.notDeepEqual(await bytesOf(one.folder), await bytesOf(other.folder));
    assert.notDeepEqual(lossesOf(one), lossesOf(other));
  });

  it("keeps the test part the same for every seed of the run", async () => {
    const [one, other] = [
      await run(tune(task.file)),
      await run(tune(task.file, { options: { ...QUICK, seed: 1 } })),
    ];
    const [a, b] = [await manifestOf(one.folder), await manifestOf(other.folder)];
    assert.deepEqual(a.split, b.split);
    assert.notDeepEqual(a.heldOut, b.heldOut);
  });

  it("continues a stopped run to the bit, wherever it was stopped", async () => {
    const straight = await run(tune(task.file));
    for (const stops of [[0], [1], [8], [9, 10], [39], [5, 17, 33]]) {
      let ran = await run(tune(task.file), fakeTools(), stopAt(stops[0]!));
      assert.equal(ran.paused?.step, stops[0]);
      const { folder } = ran;
      for (const stop of stops.slice(1)) {
        ran = await run({ type: "resume", run: folder }, fakeTools(), stopAt(stop));
        assert.equal(ran.paused?.step, stop);
      }
      assert.equal((await manifestOf(folder)).status, "paused");
      const last = await run({ type: "resume", run: folder });
      for (const [step, loss] of lossesOf(last)) assert.equal(loss, lossesOf(straight).get(step));
      assert.deepEqual(
        await bytesOf(folder),
        await bytesOf(straight.folder),
        `stopped at ${stops.join(", ")}`,
      );
      assert.deepEqual(
        await bytesOf(folder, "predictions.jsonl"),
        await bytesOf(straight.folder, "predictions.jsonl"),
      );
      assert.equal((await manifestOf(folder)).status, "finished");
      assert.equal((await manifestOf(folder)).resumed.length, stops.length);
    }
  });

  for (const [kind, more] of [
    ["single", {}],
    ["multi", { extra: ["kept"], seed: 2 }],
    ["generation", {}],
  ] as const) {
    it(`of kind ${kind} goes on with task and examples as they were, to the bit, whatever became of them`, async () => {
      const own = await makeTask(kind, 90, more);
      try {
        const examples = path.join(own.folder, "moods.jsonl");
        // What a report counts beside text and answer, and what nobody needs a second time.
        const begun = rows(kind, 90).map((row, at) => ({
          ...{ ...row, group: `g${at >> 1}`, note: "private", annotator: "Ann" },
          ...(kind === "generation" ? { references: [row.target, "well"] } : {}),
        }));
        await writeFile(examples, begun.map((row) => `${JSON.stringify(row)}\n`).join(""));
        const job = tune(own.file, kind === "single" ? { folds: 2 } : {});
        const straight = await run(job);
        const text = await readFile(examples, "utf8");
        const content = await readFile(own.file, "utf8");
        const changes: Record<string, () => Promise<void>> = {
          corrected: () => writeFile(examples, text.replaceAll("happy", "sad")),
          labelled: () => writeFile(examples, `${text}{"id":"new","text":"something else"}\n`),
          "task changed": () => writeFile(own.file, content.replace("the mood", "Which mood")),
          gone: async () => {
            await rm(examples);
            await rm(own.file);
          },
        };
        for (const [what, change] of Object.entries(changes).slice(0, kind === "single" ? 4 : 1)) {
          const { folder } = await run(job, fakeTools(), stopAt(17));
          const kept = keptExamplesFile(folder);
          assert.equal((await stat(kept)).mode & 0o777, 0o600, "for its owner alone");
          assert.doesNotMatch(await readFile(kept, "utf8"), /private|Ann/);
          await change();
          await rm(path.join(own.folder, ".plumb", "test-looks.json"));
          const resumed = await run({ type: "resume", run: folder });
          await writeFile(examples, text);
          await writeFile(own.file, content);
          assert.match(
            notesOf(resumed).join("\n"),
            /have changed since the run began\. It goes on with them as/,
          );
          for (const name of ["adapter.safetensors", "predictions.jsonl"])
            assert.deepEqual(await bytesOf(folder, name), await bytesOf(straight.folder, name), what);
          const figures = (ran: Ran) => ({ ...Report.parse(ran.result?.report), run: null });
          assert.deepEqual(figures(resumed), figures(straight), what);
          assert.ok(!existsSync(kept), "a run that has ended keeps no copy");
        }
        const { folder } = await run(job, fakeTools(), stopAt(17));
        assert.deepEqual(notesOf(await run({ type: "resume", run: folder })), [], "nothing has changed");
      } finally {
        await own.remove();
      }
    });
  }

  it("stops and keeps what there is when asked to", async () => {
    const ran = await run(tune(task.file), fakeTools(), stopAt(13, "keep"));
    assert.equal(ran.result?.early, true);
    const manifest = await manifestOf(ran.folder);
    assert.equal(manifest.status, "finished");
    assert.ok(manifest.bestStep! <= 13);
    Report.parse(ran.result.report);
  });

  it("stops early when the held-out part has seen enough, and keeps the best step", async () => {
    const rates = { biasRate: 5, promptRate: 5 };
    const options = { ...QUICK, ...rates, steps: 400, heldOutShare: 0.5, evaluateEvery: 5, patience: 3 };
    const ran = await run(tune(task.file, { options }));
    const manifest = await manifestOf(ran.folder);
    assert.equal(ran.result?.early, true);
    const looks = (await linesOf(ran.folder, "log.jsonl")).filter(({ event }) => event === "held-out");
    const best = chooseLook(looks as unknown as Evaluation[]);
    assert.equal(manifest.bestStep, best?.step);
    assert.equal(looks.filter(({ step }) => (step as number) > manifest.bestStep!).length, 3);

    // What was scored is what was stored: the best step, not the last one.
    const byId = new Map(rows("single", 90).map((row) => [row.id, row.text]));
    const stored = (await linesOf(ran.folder, "predictions.jsonl")).filter(({ part }) => part === "test");
    const texts = stored.map(({ id }) => byId.get(id as string)!);
    const predict = { type: "predict", adapter: ran.folder, engine: {} } as const;
    const { messages } = await run(predict, fakeTools(), () => null, [texts]);
    const answers = messages.flatMap((message) => (message.type === "predictions" ? message.rows : []));
    assert.deepEqual(
      answers.map(({ scores }) => scores),
      stored.map(({ scores }) => scores),
    );

    // Stopped behind its best step, a run still knows it.
    const stop = manifest.bestStep + 7;
    const first = await run(tune(task.file, { options }), fakeTools(), stopAt(stop));
    assert.equal(first.paused?.step, stop);
    await run({ type: "resume", run: first.folder });
    assert.deepEqual(await bytesOf(first.folder), await bytesOf(ran.folder));
  });

  it("goes on where it was begun: on the processor though a GPU is there now, on the GPU or not at all", async () => {
    const card = fakeTools({ gpus: gpusWith(7e9) });
    const here = await run(tune(task.file), fakeTools(), stopAt(5));
    const { messages } = await run({ type: "resume", run: here.folder }, card);
    assert.ok(messages.some(({ type }) => type === "done"));
    assert.equal((await manifestOf(here.folder)).engine.place, "cpu");

    const there = await run(tune(task.file), card, stopAt(5));
    const { place, device } = (await manifestOf(there.folder)).engine;
    assert.deepEqual([place, device], ["cuda:0", "A card"]);
    const resume: Job = { type: "resume", run: there.folder };
    await assert.rejects(
      run(resume, fakeTools()),
      /begun on a GPU, and none can be used now: no NVIDIA driver was found\. Repair that, or begin anew on the processor\.$/,
    );
    const other = gpusWith(7e9);
    const renamed = { ...other, gpus: [{ ...other.gpus[0]!, id: "cuda:1", name: "Another" }] };
    await assert.rejects(
      run(resume, fakeTools({ gpus: renamed })),
      /begun on cuda:0 \(A card\), and this machine has cuda:1 \(Another\)\. Go on where it was begun/,
    );
    assert.equal((await manifestOf(there.folder)).status, "paused");
    assert.ok((await run(resume, card)).result);
  });

  it("finds the base model that an adapter was tuned on by its name, where it lay elsewhere; says so where it is gone", async () => {
    const { folder } = await run(tune(task.file));
    const predict: Job = { type: "predict", adapter: folder, engine: {} };
    const other = fakeBaseModel({ name: "Another", fingerprint: "0".repeat(64) });
    const here = (models: Record<string, BaseModel>) =>
      fakeTools(
        {},
        {
          resolveBaseModel: (name) =>
            name === undefined || name in models
              ? Promise.resolve(name ?? "default")
              : Promise.reject(new Error("not there")),
          openBaseModel: (place) => Promise.resolve(models[place]!),
        },
      );
    const moved = await run(predict, here({ default: other, fake: fakeBaseModel() }), () => null, [
      ["a text"],
    ]);
    assert.ok(moved.messages.some(({ type }) => type === "predictions"));
    await assert.rejects(
      run(predict, here({ default: other })),
      /needs the base model that it was tuned on, Fake 150M, and that is not on this machine any more \(it was .*fake\.gguf\)/,
    );
  });

  it("scores on the GPU that is there; where that has no room, on the processor, and says so", async () => {
    const { folder } = await run(tune(task.file));
    const predict: Job = { type: "predict", adapter: folder, engine: {} };
    const predicted = (behaviour: FakeBehaviour) =>
      run(predict, fakeTools(behaviour), () => null, [["a happy text"]]);
    assert.deepEqual(notesOf(await predicted({ gpus: gpusWith(7e9) })), []);
    const small = notesOf(await predicted({ gpus: gpusWith(1e5) }));
    assert.match(
      small.join(),
      /^The processor does the work, since at least .* would be needed, and 0 MB may be/,
    );
    // A machine without one is no news, unless one was wished for; one that cannot be used is.
    assert.deepEqual(notesOf(await predicted({})), []);
    const cudaMissing = "the library for NVIDIA GPUs cannot be opened: it is damaged";
    const unusable = notesOf(await predicted({ gpus: { ...gpusWith(0), gpus: [], cudaMissing } }));
    assert.deepEqual(unusable, [
      `The processor does the work, since no graphics card can be used: ${cudaMissing}.`,
    ]);
    const wished = await run({ ...predict, engine: { device: "cuda" } });
    assert.match(notesOf(wished).join(), /^The processor does the work, since no graphics card can be used/);
    const scored = async (behaviour: FakeBehaviour) => {
      const { result } = await run({ type: "eval", adapter: folder, engine: {} }, fakeTools(behaviour));
      return Report.parse(result?.report).run.device;
    };
    assert.equal(await scored({ gpus: gpusWith(7e9) }), "A card");
    assert.equal(await scored({ gpus: gpusWith(1e5) }), "Fake processor");
  });

  it("says where a GPU's products are by another library than before it was stopped, and keeps that", async () => {
    const by = (products: string) => fakeTools({ products });
    const { folder } = await run(tune(task.file), by("own kernel"), stopAt(5));
    assert.equal((await manifestOf(folder)).engine.products, "own kernel");
    const same = await run({ type: "resume", run: folder }, by("own kernel"), stopAt(9));
    assert.deepEqual(notesOf(same), []);
    const other = await run({ type: "resume", run: folder }, by("cuBLAS 13.0.2"));
    const sentence =
      /were by Plumb's own kernel when this run began, and are by cuBLAS 13\.0\.2 from here on/;
    assert.match(notesOf(other).join(), sentence);
    const { engine, decisions } = await manifestOf(folder);
    assert.equal(engine.products, "cuBLAS 13.0.2");
    assert.match(decisions.join(), sentence);
  });

  it("counts a run as one look at the test part, however often it is resumed", async () => {
    const first = await run(tune(task.file), fakeTools(), (messages) =>
      messages.some((message) => message.type === "progress" && message.title === "Scoring the test part")
        ? "pause"
        : null,
    );
    assert.ok(first.paused);
    const resumed = await run({ type: "resume", run: first.folder });
    assert.equal(Report.parse(resumed.result?.report).data.testLooks, 1);
    const second = await run(tune(task.file));
    assert.equal(Report.parse(second.result?.report).data.testLooks, 2);
  });

  it("gives every text of the training part one out-of-fold prediction, by a model that has not seen it", async () => {
    const ran = await run(tune(task.file, { folds: 3 }));
    const manifest = await manifestOf(ran.folder);
    const rowsOut = (await linesOf(ran.folder, "predictions.jsonl")).filter(
      ({ part }) => part === "out-of-fold",
    );
    assert.deepEqual(rowsOut.map(({ id }) => id as string).sort(), [...manifest.split.train].sort());
    for (const row of rowsOut) assert.equal(row.fold, manifest.folds?.of[row.id as string]);
    assert.equal(new Set(rowsOut.map(({ fold }) => fold)).size, 3);
  });

  it("cannot predict out of fold what only learning by heart could give", async () => {
    const random = seededRandom(9);
    const labels = ["happy", "sad", "angry"];
    const letter = () => String.fromCharCode(48 + Math.floor(random() * 64));
    const noise = rows("single", 90).map(({ id }) => ({
      id,
      text: Array.from({ length: 40 }, letter).join(""),
      label: labels[Math.floor(random() * 3)],
    }));
    const lines = noise.map((row) => `${JSON.stringify(row)}\n`).join("");
    await writeFile(path.join(task.folder, "moods.jsonl"), lines);
    const options = { ...QUICK, steps: 150, biasRate: 0.5, heldOutShare: 0 };
    const ran = await run(tune(task.file, { folds: 2, options }));
    assert.ok(lossesOf(ran).get(150)! < 0.3, "learned by heart");
    const out = (await linesOf(ran.folder, "predictions.jsonl")).filter(({ part }) => part === "out-of-fold");
    const right = out.filter(({ id, scores }) => {
      const all = scores as number[];
      return labels[all.indexOf(Math.max(...all))] === noise.find((row) => row.id === id)?.label;
    });
    assert.ok(right.length / out.length < 0.5, `${right.length} of ${out.length} right`);
    // Labels by chance are doubted, and the page shows the doubtful texts themselves.
    const { suspects } = Report.parse(ran.result?.report);
    assert.ok(suspects.length > 0);
    const page = (await bytesOf(ran.folder, "report.html")).toString();
    for (const { id } of suspects) {
      const { text } = noise.find((row) => row.id === id)!;
      assert.ok(page.includes(text.replaceAll("<", "&lt;").replaceAll(">", "&gt;")), id);
    }
  });

  it("continues folds that were stopped to the bit", async () => {
    const straight = await run(tune(task.file, { folds: 2 }));
    const first = await run(tune(task.file, { folds: 2 }), fakeTools(), (messages) =>
      messages.some(
        (message) => message.type === "progress" && message.phase === "fold" && message.done >= 11,
      )
        ? "pause"
        : null,
    );
    assert.ok(first.paused);
    const resumed = await run({ type: "resume", run: first.folder });
    assert.deepEqual(
      await bytesOf(resumed.folder, "predictions.jsonl"),
      await bytesOf(straight.folder, "predictions.jsonl"),
    );
  });

  const kept = {
    prompt: ["prompt.left"],
    bias: ["model.layers.0.self_attn.q_proj.bias"],
    ptuning: ["prompt.left", "prompt.right"],
    lora: ["model.layers.0.self_attn.q_proj.lora_B.weight"],
    full: ["model.embed_tokens.weight"],
  };
  for (const method of ["prompt", "bias", "ptuning", "lora", "full"] as const) {
    it(`trains with method ${method} what it says and nothing else, resumes to the bit, and predicts with it`, async () => {
      const options = { ...QUICK, method, lora: { rate: 0.05 }, fullRate: 0.05 };
      if (method !== "lora") delete (options as { lora?: unknown }).lora;
      const straight = await run(tune(task.file, { options }));
      const file = path.join(straight.folder, "adapter.safetensors");
      const { tensors } = await readAdapter(file);
      assert.deepEqual([...tensors.keys()], kept[method]);
      const stopped = await run(tune(task.file, { options }), fakeTools(), stopAt(17));
      await run({ type: "resume", run: stopped.folder });
      assert.deepEqual(await bytesOf(stopped.folder), await bytesOf(straight.folder));
      const texts = rows("single", 90).map(({ text }) => text);
      const { split } = await manifestOf(straight.folder);
      const wanted = split.test.map((id) => texts[Number(id.slice(1))]!);
      const ran = await run(
        { type: "predict", adapter: straight.folder, engine: {} },
        fakeTools(),
        undefined,
        [wanted],
      );
      const scores = ran.messages.flatMap((message) =>
        message.type === "predictions" ? message.rows.map((row) => row.scores) : [],
      );
      const stored = await linesOf(straight.folder, "predictions.jsonl");
      assert.deepEqual(
        scores,
        stored.filter(({ part }) => part === "test").map((row) => row.scores),
      );
    });
  }

  it("closes every session that it opened", async () => {
    const behaviour: FakeBehaviour = {};
    await run(tune(task.file, { folds: 2 }), fakeTools(behaviour));
    assert.ok(behaviour.opened! > 3);
    assert.equal(behaviour.closed, behaviour.opened);
  });

  it("uses micro-batches of any size to the same result", async () => {
    const [large, small] = [
      await run(tune(task.file)),
      await run(tune(task.file, { engine: { microBatch: 70 } })),
    ];
    assert.equal((await manifestOf(small.folder)).engine.trainRows, 70);
    for (const [step, loss] of lossesOf(large)) {
      assert.ok(Math.abs(loss - lossesOf(small).get(step)!) < 1e-4, `step ${step}`);
    }
  });
});

describe("a tuning job says what is wrong", () => {
  let task: Awaited<ReturnType<typeof makeTask>>;
  beforeEach(async () => {
    task = await makeTask("single", 90);
  });
  afterEach(() => task.remove());

  it("a loss that is not a number", async () => {
    await assert.rejects(
      run(tune(task.file), fakeTools({ nanFrom: 7 })),
      /Step 8: the loss \(NaN\).*Halve --prompt-rate/,
    );
    const [id] = await runsOf(task.folder);
    const folder = path.join(task.folder, ".plumb/runs", id!);
    assert.equal((await manifestOf(folder)).status, "trouble");
    await assert.rejects(run({ type: "resume", run: folder }), /would end the same way again: Step 8/);
  });

  it("a base model that gives no numbers before anything is tuned: nothing is written, and the rates are not blamed", async () => {
    for (const probe of [true, false]) {
      await assert.rejects(
        run(tune(task.file, { probe }), fakeTools({ nanFrom: 0 })),
        ({ message }: Error) =>
          message.includes("before anything is tuned, the model's loss is NaN") && !message.includes("rate"),
      );
    }
    assert.deepEqual(await runsOf(task.folder), []);
  });

  it("rates that are all too high for a number", async () => {
    await assert.rejects(
      run(tune(task.file, { probe: true }), fakeTools({ nanFrom: 2 })),
      /no finite number soon, with rates of 0\.1 to 3 times the usual ones/,
    );
    assert.deepEqual(await runsOf(task.folder), []);
  });

  it("no movement", async () => {
    const options = { ...QUICK, steps: 120, evaluateEvery: 10, patience: 100 };
    await assert.rejects(
      run(tune(task.file, { options }), fakeTools({ frozen: true })),
      /the loss has not fallen/,
    );
  });

  it("an interrupt before the run has begun, during the probe too, and writes nothing", async () => {
    const large = { openBaseModel: () => Promise.resolve(fakeBaseModel({ parameterCount: 3e9 })) };
    const options = { steps: 40, promptLength: 4 };
    const probing = (messages: FromWorker[]) =>
      messages.some((message) => message.type === "progress" && message.phase === "probe") ? "pause" : null;
    const behaviour: FakeBehaviour = {};
    const tools = fakeTools(behaviour, large);
    await assert.rejects(run(tune(task.file, { options }), tools, probing), /Stopped; nothing was written/);
    assert.equal(behaviour.closed, behaviour.opened);
    await assert.rejects(
      run(tune(task.file), fakeTools(), () => "pause"),
      /Stopped; nothing was written/,
    );
    assert.deepEqual(await runsOf(task.folder), []);
  });

  it("no space left on the disk, by file", async function () {
    if (!existsSync("/dev/full")) {
      console.log("    skipped: this system has no /dev/full");
      this.skip();
    }
    const { folder } = await run(tune(task.file), fakeTools(), stopAt(5));
    const log = path.join(folder, "log.jsonl");
    await rm(log);
    await symlink("/dev/full", log);
    await assert.rejects(
      run({ type: "resume", run: folder }),
      /Cannot write .*log\.jsonl: no space left on the disk/,
    );
    await rm(log);
    assert.ok((await run({ type: "resume", run: folder })).result, "and goes on once there is space");
  });

  it("no space left for a checkpoint: the one before stays, and the run goes on from it to the bit", async function () {
    const straight = await run(tune(task.file));
    const { folder } = await run(tune(task.file), fakeTools(), stopAt(5));
    const checkpoints = path.join(folder, "checkpoint");
    const file = path.join(checkpoints, "final.safetensors");
    const before = await readFile(file);
    const disk = SmallDisk.at(checkpoints, 2 * before.length + 65_536);
    if (disk === null) this.skip();
    try {
      await writeFile(file, before);
      disk.fill();
      const resume = { type: "resume", run: folder, checkpointSeconds: 0 } as const;
      await assert.rejects(run(resume), /Cannot write .*final\.safetensors: no space left on the disk/);
      assert.deepEqual(await readFile(file), before);
      disk.free();
      assert.ok((await run(resume)).result);
      const adapter = (of: string) => readFile(path.join(of, "adapter.safetensors"));
      assert.deepEqual(await adapter(folder), await adapter(straight.folder));
    } finally {
      disk.remove();
    }
  });

  it("too little memory, and what would fit, before anything is written", async () => {
    const tools = fakeTools({ bytesPerRow: 1e9 });
    await assert.rejects(
      run(tune(task.file), tools),
      /Not enough memory: .* needs .* GB.*--max-tokens.*--base/,
    );
    assert.deepEqual(await runsOf(task.folder), []);
  });

  it("a run that is in use, and takes over the lock of a process that is gone", async () => {
    const { folder } = await run(tune(task.file), fakeTools(), stopAt(5));
    const unlock = await lockFolder(folder);
    await assert.rejects(run({ type: "resume", run: folder }), /is in use by process/);
    await unlock();
    await writeFile(
      path.join(folder, "lock"),
      JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), start: null }),
    );
    assert.ok((await run({ type: "resume", run: folder })).result);
  });

  it("a task that is being tuned, before it computes anything, to a run, a plan and one that would go on", async () => {
    const paused = await run(tune(task.file), fakeTools(), stopAt(5));
    const ended = (job: Job, tools = fakeTools()) =>
      run(job, tools).then(
        () => "ended well",
        (error: unknown) => (error as Error).message,
      );
    const untouched = fakeTools({}, { openBaseModel: () => assert.fail("the model was opened first") });
    const out = path.join(task.folder, "second");
    const others: Promise<string>[] = [];
    const cells: Promise<string>[] = [];
    const { folder } = await run(tune(task.file), fakeTools(), (messages) => {
      if (others.length > 0 || !messages.some(({ type }) => type === "started")) return null;
      others.push(
        ended(tune(task.file), untouched),
        ended(tune(task.file, { out }), untouched),
        ended({ type: "forecast", task: task.file, options: QUICK, engine: {} }, untouched),
        ended({ type: "resume", run: paused.folder }, untouched),
      );
      cells.push(ended(tune(task.file, { out: path.join(task.folder, "cell"), cell: true })));
      return null;
    });
    for (const refusal of await Promise.all(others)) {
      assert.match(
        refusal,
        /^A task has one run at a time, and one of moods\.plumb\.json has been at work since /,
      );
      assert.ok(refusal.includes(folder), refusal);
    }
    assert.deepEqual(await Promise.all(cells), ["ended well"], "cells have locks of their own");
    assert.ok(!existsSync(out));
    assert.ok(
      (await run({ type: "resume", run: paused.folder })).result,
      "a run that has ended holds nothing",
    );
  });

  it("a text that has changed since a run began that kept no copy, by file and line", async () => {
    const { folder } = await run(tune(task.file), fakeTools(), stopAt(5));
    await rm(keptExamplesFile(folder));
    const file = path.join(task.folder, "moods.jsonl");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace(/"label":"\w+"/, '"label":"angry"'));
    const changed = (await readFile(file, "utf8")) !== text;
    if (!changed) await writeFile(file, text.replace(/"label":"\w+"/, '"label":"sad"'));
    await assert.rejects(
      run({ type: "resume", run: folder }),
      /moods\.jsonl, line 1: text or answer of "t0000" has changed/,
    );
  });

  it("goes on without a copy although texts were added and labelled meanwhile", async () => {
    const { folder } = await run(tune(task.file), fakeTools(), stopAt(5));
    await rm(keptExamplesFile(folder));
    const file = path.join(task.folder, "moods.jsonl");
    const more = '{"id":"new","text":"something else entirely","label":"sad"}\n';
    await writeFile(file, (await readFile(file, "utf8")) + more);
    assert.ok((await run({ type: "resume", run: folder })).result);
  });

  it("a copy of its examples that is damaged, and goes on without it where they are what they were", async () => {
    const { folder } = await run(tune(task.file), fakeTools(), stopAt(5));
    const file = keptExamplesFile(folder);
    const whole = await readFile(file, "utf8");
    const [first, ...rest] = whole.split("\n");
    for (const broken of [rest.join("\n"), [first!.replace("text", "Text"), ...rest].join("\n"), ""]) {
      await writeFile(file, broken);
      await assert.rejects(
        run({ type: "resume", run: folder }),
        /checkpoint.examples\.jsonl, the copy of the run's examples, is damaged: "t\d+" is not in it/,
      );
    }
    await rm(file);
    assert.ok((await run({ type: "resume", run: folder })).result);
  });

  it("another base model, for a run and for its adapter", async () => {
    const { folder } = await run(tune(task.file), fakeTools(), stopAt(5));
    const other = fakeTools(
      {},
      {
        openBaseModel: () => Promise.resolve(fakeBaseModel({ name: "Other", fingerprint: "e".repeat(64) })),
      },
    );
    await assert.rejects(
      run({ type: "resume", run: folder }, other),
      /is not the file that the run began with/,
    );
    await run({ type: "resume", run: folder });
    const job = { type: "predict", adapter: folder, base: "Other", engine: {} } as const;
    await assert.rejects(
      run(job, other),
      /Cannot use .*adapter\.safetensors with Other.*it was made for Fake 150M/s,
    );
  });

  it("a finished run, a folder without a run, a damaged manifest", async () => {
    const { folder } = await run(tune(task.file));
    await assert.rejects(run({ type: "resume", run: folder }), /is finished; its report is/);
    await assert.rejects(run({ type: "resume", run: task.folder }), /is not a run: it has no manifest\.json/);
    await writeFile(path.join(folder, "manifest.json"), "{");
    await assert.rejects(run({ type: "resume", run: folder }), /manifest\.json is not JSON/);
  });

  it("a run folder that is taken", async () => {
    const out = path.join(task.folder, "mine");
    await run(tune(task.file, { out }));
    const untouched = { openBaseModel: () => assert.fail("the model was opened first") };
    await assert.rejects(run(tune(task.file, { out }), fakeTools({}, untouched)), /holds a run already/);
  });

  it("a folder with a file that the run would write over", async () => {
    const out = path.join(task.folder, "mine");
    await mkdir(out);
    const file = path.join(out, "report.html");
    await writeFile(file, "my own");
    const untouched = { openBaseModel: () => assert.fail("the model was opened first") };
    await assert.rejects(
      run(tune(task.file, { out }), fakeTools({}, untouched)),
      /report\.html is there already, and would be written over/,
    );
    assert.equal(await readFile(file, "utf8"), "my own");
  });

  it("no space left on the disk at the start, and leaves a folder of the user's as it was", async function () {
    const out = path.join(task.folder, "mine");
    const disk = SmallDisk.at(out, 65_536);
    if (disk === null) this.skip();
    try {
      await writeFile(path.join(out, "notes.txt"), "my own");
      disk.fill();
      const before = await readdir(out, { recursive: true });
      await assert.rejects(
        run(tune(task.file, { out })),
        /Cannot write .*mine.*: no space left on the disk; free some/,
      );
      assert.deepEqual(await readdir(out, { recursive: true }), before);
      assert.equal(await readFile(path.join(out, "notes.txt"), "utf8"), "my own");
    } finally {
      disk.remove();
    }
  });

  it("no space left on the disk for a run beside the task, and leaves nothing, or a run that can go on", async function () {
    const disk = SmallDisk.at(path.join(task.folder, "disk"), 1 << 20);
    if (disk === null) this.skip();
    try {
      const file = path.join(disk.folder, path.basename(task.file));
      await cp(task.file, file);
      await cp(path.join(task.folder, "moods.jsonl"), path.join(disk.folder, "moods.jsonl"));
      const runs = path.join(disk.folder, ".plumb", "runs");
      const room = Array.from({ length: 8 }, (_, page) => path.join(disk.folder, `room${page}`));
      for (const page of room) await writeFile(page, "x");
      disk.fill();
      const before = await readdir(disk.folder);
      for (const page of room) {
        await assert.rejects(run(tune(file)), /Cannot write .*: no space left on the disk; free some/);
        const [begun] = await runsOf(disk.folder);
        if (begun === undefined) assert.deepEqual(await readdir(disk.folder), before);
        else assert.equal((await manifestOf(path.join(runs, begun))).status, "running");
        await rm(path.join(disk.folder, ".plumb"), { recursive: true, force: true });
        await rm(page);
        before.splice(before.indexOf(path.basename(page)), 1);
      }
    } finally {
      disk.remove();
    }
  });

  it("a place where nothing can be written", async () => {
    await writeFile(path.join(task.folder, "file"), "");
    const out = path.join(task.folder, "file", "run");
    await assert.rejects(run(tune(task.file, { out })), /Cannot write .*: a part of that path is a file/);
  });

  it("an error in the data, by file and line, and writes nothing", async () => {
    const file = path.join(task.folder, "moods.jsonl");
    await writeFile(file, (await readFile(file, "utf8")).replace('"label":"sad"', '"label":"sadd"'));
    await assert.rejects(run(tune(task.file)), /moods\.jsonl, line \d+: .*"sadd".*plumb check/s);
    assert.deepEqual(await runsOf(task.folder), []);
  });

  it("one answer for every text", async () => {
    const uneven = rows("single", 90).map((row, i) => ({
      ...row,
      label: i % 6 > 1 ? "happy" : i % 2 ? "sad" : "angry",
    }));
    const lines = uneven.map((row) => `${JSON.stringify(row)}\n`).join("");
    await writeFile(path.join(task.folder, "moods.jsonl"), lines);
    // In the toy the prompt moves all texts alike: it can learn how frequent each class is, and nothing else.
    const options = {
      ...QUICK,
      method: "prompt" as const,
      steps: 100,
      promptRate: 0.3,
      evaluateEvery: 10,
      patience: 100,
    };
    await assert.rejects(run(tune(task.file, { options })), /the same answer to every held-out text/);
  });
});

async function runsOf(folder: string): Promise<string[]> {
  return readdir(path.join(folder, ".plumb/runs")).catch(() => []);
}

describe("decisions before a run", () => {
  it("takes smaller micro-batches, then recomputed activations, and writes it down", async () => {
    const task = await makeTask("single", 90);
    try {
      const opened = await run(
        tune(task.file),
        fakeTools({ bytesPerRow: 1e6 }, { availableMemory: () => 4.4e8 }),
      );
      const manifest = await manifestOf(opened.folder);
      assert.equal(manifest.engine.checkpoint, true);
      assert.match(manifest.decisions.join(" "), /Activations are computed again/);
    } finally {
      await task.remove();
    }
  });

  it("refuses moments of 8 bits for a method that trains little, before model or engine are opened", async () => {
    const task = await makeTask("single", 90, { method: "lora" });
    const asked = fakeTools(
      {},
      {
        engine: () => assert.fail("the engine was asked"),
        openBaseModel: () => assert.fail("the model was opened"),
      },
    );
    try {
      const job = tune(task.file, { engine: { optimizer: "adamw-8bit" } });
      await assert.rejects(run(job, asked), /^PlumbError: Method lora .* is for method full\.$/);
      await run(
        tune(task.file, { options: { ...QUICK, method: "full" }, engine: { optimizer: "adamw-8bit" } }),
      );
    } finally {
      await task.remove();
    }
  });

  it("streams the weights where copies take more than a fifth of the memory, and refuses where nothing helps", async () => {
    const task = await makeTask("single", 90);
    const memory = { availableMemory: () => 1e9 };
    try {
      const kept = await run(tune(task.file), fakeTools({ keptBytes: 2e8 }, memory));
      assert.equal((await manifestOf(kept.folder)).engine.weights, "keep");
      for (const [keptBytes, parameterCount, reason] of [
        [2.1e8, 150e6, /copies of them would take 210 MB of the 1\.0 GB of memory/],
        [9e8, 150e6, /copies of them would take 900 MB/],
        [9e8, 600e6, /keeping them converted does not fit/],
      ] as const) {
        const base = { openBaseModel: () => Promise.resolve(fakeBaseModel({ parameterCount })) };
        const streamed = await run(tune(task.file), fakeTools({ keptBytes }, { ...memory, ...base }));
        const { engine, decisions } = await manifestOf(streamed.folder);
        assert.equal(engine.weights, "stream");
        assert.match(decisions.join(" "), /Weights are converted for each use/);
        assert.match(decisions.join(" "), reason);
      }
      // Kept, they would leave room only for activations that are computed again.
      const roomy = await run(tune(task.file), fakeTools({ keptBytes: 1.5e8, bytesPerRow: 2.3e6 }, memory));
      const { weights, checkpoint } = (await manifestOf(roomy.folder)).engine;
      assert.deepEqual({ weights, checkpoint }, { weights: "stream", checkpoint: false });
      await assert.rejects(
        run(tune(task.file), fakeTools({ keptBytes: 9e8, bytesPerRow: 1e9 }, memory)),
        /Not enough memory/,
      );
    } finally {
      await task.remove();
    }
  });

  it("says in one sentence what the run will do and cost", async () => {
    const task = await makeTask("single", 90);
    try {
      const ran = await run(tune(task.file));
      const forecast = ran.messages.find((message) => message.type === "forecast");
      assert.match(
        forecast?.message ?? "",
        /^Tunes Fake 150M on \d+ texts, chooses the best step on \d+ more, keeps \d+ for the test: at most about .* and .* of memory\.$/,
      );
    } finally {
      await task.remove();
    }
  });

  it("probes rates for a base model that nobody has measured, and notes the choice", async () => {
    const task = await makeTask("single", 90);
    const large = { openBaseModel: () => Promise.resolve(fakeBaseModel({ parameterCount: 3e9 })) };
    try {
      const ran = await run(
        tune(task.file, { options: { steps: 40, promptLength: 4 } }),
        fakeTools({}, large),
      );
      const manifest = await manifestOf(ran.folder);
      assert.match(manifest.decisions.join(" "), /found by a probe of \d+ steps/);
      const kinds = ran.messages.map((message) => ("phase" in message ? message.phase : message.type));
      const said = kinds.indexOf("forecast");
      assert.ok(said >= 0 && said < kinds.indexOf("probe"), "what it will cost is said before the probe");
      // The toy wants far higher rates than a language model: the highest factor wins.
      assert.ok(Math.abs(manifest.settings.biasRate - 3 * 2e-3) < 1e-9);
      const without = await run(tune(task.file, { probe: false }), fakeTools({}, large));
      assert.equal((await manifestOf(without.folder)).settings.biasRate, QUICK.biasRate);
    } finally {
      await task.remove();
    }
  });
});

describe("other kinds of task", () => {
  it("multi: thresholds come from predictions on texts that were not fitted, and stand in the adapter", async () => {
    const task = await makeTask("multi", 150);
    try {
      const ran = await run(tune(task.file, { folds: 2 }));
      const report = Report.parse(ran.result?.report);
      const { thresholds } = await readAdapter(path.join(ran.folder, "adapter.safetensors"));
      assert.deepEqual(
        thresholds,
        report.classification?.classes.map(({ threshold }) => threshold?.value),
      );
      assert.ok(report.classification!.macroF1.value! > 0.5);
    } finally {
      await task.remove();
    }
  });

  it("generation: answers are text, and right where the task is easy", async () => {
    const task = await makeTask("generation", 90);
    try {
      const ran = await run(tune(task.file, { options: { ...QUICK, steps: 60, biasRate: 0.2 } }));
      const predictions = await linesOf(ran.folder, "predictions.jsonl");
      assert.ok(
        predictions.every(({ output, scores }) => typeof output === "string" && scores === undefined),
      );
      assert.ok(Report.parse(ran.result?.report).generation);
    } finally {
      await task.remove();
    }
  });
});

describe("predict and eval", () => {
  let task: Awaited<ReturnType<typeof makeTask>>;
  let folder: string;
  before(async () => {
    task = await makeTask("single", 90);
    ({ folder } = await run(tune(task.file)));
  });
  after(() => task.remove());

  it("predicts from the stored adapter what the run predicted", async () => {
    const byId = new Map(rows("single", 90).map((row) => [row.id, row.text]));
    const stored = (await linesOf(folder, "predictions.jsonl")).filter(({ part }) => part === "test");
    const texts = stored.map(({ id }) => byId.get(id as string)!);
    const ran = await run({ type: "predict", adapter: folder, engine: {} }, fakeTools(), () => null, [
      texts.slice(0, 5),
      texts.slice(5),
    ]);
    const answers = ran.messages.flatMap((message) => (message.type === "predictions" ? message.rows : []));
    assert.deepEqual(
      answers.map(({ scores }) => scores),
      stored.map(({ scores }) => scores),
    );
  });

  it("evaluates to the report of the run", async () => {
    const out = path.join(task.folder, "again");
    const ran = await run({ type: "eval", adapter: folder, engine: {}, out });
    const [again, first] = [
      Report.parse(ran.result?.report),
      Report.parse(JSON.parse((await bytesOf(folder, "report.json")).toString())),
    ];
    assert.deepEqual(again.classification, first.classification);
    assert.equal(again.data.testLooks, first.data.testLooks + 1);
    assert.match((await bytesOf(out, "report.html")).toString(), /<!doctype html>/i);
  });

  it("writes over no report, a run's own least of all, and looks at no test part before it knows that it can write", async () => {
    const everything = async () =>
      Promise.all(
        (await readdir(task.folder, { recursive: true, withFileTypes: true }))
          .filter((entry) => entry.isFile())
          .map(async ({ parentPath, name }) => [name, await bytesOf(parentPath, name)]),
      );
    const earlier = path.join(task.folder, "earlier");
    await mkdir(earlier);
    await writeFile(path.join(earlier, "report.html"), "of another evaluation");
    const before = await everything();
    for (const [out, reason] of [
      [folder, /report\.json is there already, and would be written over\. Move it, or name another folder/],
      [earlier, /report\.html is there already/],
      [path.join(task.file, "x"), /Cannot write .*: a part of that path is a file/],
    ] as const) {
      await assert.rejects(run({ type: "eval", adapter: folder, engine: {}, out }), reason);
    }
    assert.deepEqual(await everything(), before, "no look at the test part has been counted either");
  });

  it("leaves no folder where an evaluation's report does not fit on the disk", async function () {
    const disk = SmallDisk.at(path.join(task.folder, "disk"), 65_536);
    if (disk === null) this.skip();
    try {
      disk.fill();
      const out = path.join(disk.folder, "report");
      await assert.rejects(
        run({ type: "eval", adapter: folder, engine: {}, out }),
        /Cannot write .*report.json: no space left on the disk/,
      );
      assert.deepEqual(await readdir(disk.folder), ["ballast"]);
    } finally {
      disk.remove();
    }
  });

  it("says how many texts of another task's test part the adapter has learned from", async () => {
    const { split } = await manifestOf(folder);
    const learned = new Set(split.train);
    const own = (await linesOf(task.folder, "moods.jsonl")) as { id: string; text: string }[];
    // The same texts in other words: case and stops.
    const known = own.filter(({ id }) => learned.has(id)).slice(0, 7);
    const test = known.map((row) => ({ ...row, id: `again-${row.id}`, text: `${row.text.toUpperCase()}!` }));
    const other = await makeTask("single", 60, { seed: 3 });
    try {
      const fresh = rows("single", 60, 99).map((row, i) => ({ ...row, split: i < 30 ? "test" : "train" }));
      const lines = [...fresh, ...test.map((row) => ({ ...row, split: "test" }))];
      await writeFile(
        path.join(other.folder, "moods.jsonl"),
        lines.map((row) => JSON.stringify(row)).join("\n"),
      );
      const ran = await run({ type: "eval", adapter: folder, task: other.file, engine: {} });
      const warnings = ran.messages.flatMap((message) => (message.type === "note" ? message.message : []));
      assert.ok(
        warnings.some((warning) => warning.startsWith("7 of 37 test texts are, word for word or nearly")),
      );
    } finally {
      await other.remove();
    }
  });

  it("refuses a task with other labels", async () => {
    const other = await makeTask("multi", 60);
    try {
      const job = { type: "eval", adapter: folder, task: other.file, engine: {} } as const;
      await assert.rejects(run(job), /does not fit the adapter/);
    } finally {
      await other.remove();
    }
  });

  it("refuses what is not an adapter", async () => {
    const predict = (adapter: string) => run({ type: "predict", adapter, engine: {} });
    await assert.rejects(predict(path.join(task.folder, "nowhere")), /does not exist/);
    await assert.rejects(predict(task.folder), /is not a run/);
    await assert.rejects(predict("/dev/null"), /is neither a file nor a folder/);
    await assert.rejects(predict(path.join(task.file, "x")), /a part of its path is a file/);
    const link = path.join(task.folder, "link");
    await symlink(link, link);
    await assert.rejects(predict(link), /Cannot read .*link: its symbolic links go in a circle/);
    const hollow = path.join(task.folder, "hollow");
    await mkdir(path.join(hollow, "adapter.safetensors"), { recursive: true });
    await assert.rejects(predict(hollow), /Cannot read .*adapter\.safetensors: it is a folder/);
    await assert.rejects(predict(task.file), /not a whole safetensors file/);
    const empty = path.join(task.folder, "empty.safetensors");
    await writeFile(empty, "");
    await assert.rejects(predict(empty), /it has 0 bytes.* tune anew/);
    const whole = await bytesOf(folder);
    const file = path.join(task.folder, "other.safetensors");
    await writeFile(file, whole.subarray(0, whole.length - 1));
    await assert.rejects(predict(file), /other\.safetensors is not a whole .* does not fit its place/);
    const { tensors, metadata } = decodeTensors(whole, file);
    const one = { shape: [2], values: new Float32Array(2) };
    const changed = async (change: (names: Map<string, typeof one>) => void, expected: RegExp) => {
      const names = new Map(tensors) as Map<string, typeof one>;
      change(names);
      await writeFile(file, encodeTensors({ tensors: names, metadata }));
      await assert.rejects(predict(file), expected);
    };
    await changed(
      (names) => names.delete("prompt.left"),
      /tensor prompt\.left is missing, expected \[4, 8\]/,
    );
    await changed(
      (names) => names.set("prompt.left", one),
      /tensor prompt\.left is \[2\], expected \[4, 8\]/,
    );
    await changed((names) => names.set("prompt.right", one), /prompt\.right is none of method ptuning-bias/);
  });

  it("says that the adapter of a finished run is gone, not that the run should go on", async () => {
    const adapter = path.join(folder, "adapter.safetensors");
    const bytes = await readFile(adapter);
    await rm(adapter);
    try {
      const job = { type: "predict", adapter: folder, engine: {} } as const;
      await assert.rejects(run(job), /is finished, but its adapter\.safetensors is gone/);
    } finally {
      await writeFile(adapter, bytes);
    }
  });
});

describe("a plan", () => {
  it("holds exactly the batches and rates of the run: doing them gives its losses", async () => {
    const task = await makeTask("single", 90);
    try {
      const straight = await run(tune(task.file));
      const file = path.join(task.folder, "plan.jsonl");
      await run({ type: "plan", task: task.file, options: QUICK, engine: {}, file });
      const lines = await linesOf(task.folder, "plan.jsonl");
      const model = await fakeEngine().openModel(fakeTable);
      const session = await model.openSession({ method: { promptLength: 4, biases: ["q"] } });
      const start = await session.read();
      start.set(await model.embed(Int32Array.from(lines[0]!.promptTokens as number[])));
      await session.write(start);
      const losses = lossesOf(straight);
      for (const line of lines.filter(({ type }) => type === "step")) {
        let loss = 0;
        for (const batch of line.batches as Record<string, number[]>[]) {
          const floats = ["choiceWeight", "targetWeight"];
          const typed = Object.fromEntries(
            Object.entries(batch).map(([name, values]) => [
              name,
              floats.includes(name) ? Float32Array.from(values) : Int32Array.from(values),
            ]),
          );
          loss += (await session.accumulate(typed as never)).loss;
        }
        await session.step(line.options as never);
        assert.equal(loss, losses.get((line.step as number) + 1));
      }
      assert.ok(lines.some(({ part }) => part === "test") && lines.some(({ part }) => part === "held-out"));
    } finally {
      await task.remove();
    }
  });
});
