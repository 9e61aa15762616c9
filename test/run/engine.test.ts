import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { loadEngine } from "../../src/core/engine";
import type { Task } from "../../src/core/schema";
import { readAdapter } from "../../src/core/tuning/adapter";
import type { FromWorker, Job } from "../../src/core/tuning/protocol";
import { Reference } from "../fixtures/reference";
import { fakeBaseModel, fakeTokenizer } from "../unit/tuning/fake-engine";
import { fakeTools, makeTask, run, tune } from "../unit/tuning/fake-task";

/** The tiny LLaMA of the fixtures under the real engine, with the tests' own tokenizer. */
const table = new Reference("tiny").table("huggingface");
const tools = fakeTools(
  {},
  {
    engine: loadEngine,
    openBaseModel: () =>
      Promise.resolve(fakeBaseModel({ table, tokenizer: { ...fakeTokenizer, endOfText: 299 } })),
  },
);
const options = { steps: 24, promptLength: 5, evaluateEvery: 6, promptRate: 0.02, biasRate: 0.02 };
const adapterOf = (folder: string) => readFile(path.join(folder, "adapter.safetensors"));
const stopAt = (step: number) => (messages: FromWorker[]) =>
  messages.some((message) => message.type === "progress" && message.done >= step) ? "pause" : null;

describe("a run with the real engine", function () {
  this.timeout(120_000);

  for (const kind of ["single", "multi", "generation"] as const satisfies Task["kind"][]) {
    it(`of kind ${kind} continues after stops to the bit of an uninterrupted one`, async () => {
      const task = await makeTask(kind, 90);
      try {
        // More than one thread once, where it matters most.
        const job: Job = tune(task.file, { options, engine: kind === "single" ? {} : { threads: 1 } });
        const straight = await run(job, tools);
        const again = await run(job, tools);
        assert.deepEqual(
          await adapterOf(again.folder),
          await adapterOf(straight.folder),
          "same seed, same bits",
        );
        const { folder } = await run(job, tools, stopAt(5));
        assert.ok((await run({ type: "resume", run: folder }, tools, stopAt(13))).paused);
        const last = await run({ type: "resume", run: folder }, tools);
        assert.ok(last.result);
        assert.deepEqual(await adapterOf(folder), await adapterOf(straight.folder), "resumed");
        const predictions = (of: string) => readFile(path.join(of, "predictions.jsonl"), "utf8");
        assert.equal(await predictions(folder), await predictions(straight.folder));
      } finally {
        await task.remove();
      }
    });
  }

  for (const method of ["ptuning-bias", "prompt", "bias"] as const) {
    it(`trains with ${method} what the method names, under Hugging Face's names`, async () => {
      const task = await makeTask("single", 90);
      try {
        const { folder } = await run(
          tune(task.file, { options: { ...options, steps: 6, method }, engine: { threads: 1 } }),
          tools,
        );
        const names = [...(await readAdapter(path.join(folder, "adapter.safetensors"))).tensors.keys()];
        const layers = table.config.layerCount;
        assert.equal(names.includes("prompt.left"), method !== "bias");
        const biases = names.filter((name) =>
          /^model\.layers\.\d+\.(self_attn|mlp)\.\w+_proj\.bias$/.test(name),
        );
        assert.equal(biases.length, method === "prompt" ? 0 : 7 * layers);
        assert.equal(names.length, biases.length + (method === "bias" ? 0 : 1));
      } finally {
        await task.remove();
      }
    });
  }
});
