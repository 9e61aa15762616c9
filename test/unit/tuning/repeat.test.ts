import assert from "node:assert/strict";
import fc from "fast-check";
import type { Manifest } from "../../../src/core/schema";
import { repeatCommand } from "../../../src/core/tuning/repeat";
import { resolveSettings, type TuningOptions } from "../../../src/core/tuning/settings";
import { run, tune, makeTask, QUICK } from "./fake-task";

describe("the command that gives a run again", () => {
  const facts = { kind: "single", examples: 300, contextLength: 2048 } as const;
  const manifest = (settings: Manifest["settings"], more: Partial<Manifest> = {}) =>
    ({
      settings,
      folds: null,
      split: { train: Array.from({ length: 300 }, (_, i) => String(i)) },
      task: { content: { kind: "single" } },
      ...more,
    }) as unknown as Manifest;
  const command = (options: TuningOptions, more: Partial<Manifest> = {}) =>
    repeatCommand(manifest(resolveSettings(options, facts), more), facts.contextLength);

  /** What the command line makes of its words. */
  function optionsOf(line: string): TuningOptions {
    const words = line.split(" ").slice(3);
    const options: Record<string, unknown> = {};
    for (let i = 0; i < words.length; i += 2) {
      const name = words[i]!.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
      const text = words[i + 1]!;
      const value = name === "biases" ? text.split(",") : Number.isNaN(Number(text)) ? text : Number(text);
      const lora = /^lora(\w+)$/.exec(name)?.[1]?.toLowerCase();
      if (lora === undefined) options[name === "heldOut" ? "heldOutShare" : name] = value;
      else options.lora = { ...(options.lora as object | undefined), [lora]: value };
    }
    return options;
  }

  it("is short where nothing was asked for", () => {
    assert.equal(command({}), "plumb tune TASK.plumb.json --method ptuning-bias --seed 0");
  });

  it("leads to the same settings, whatever was asked for", () => {
    const whole = (max: number) => fc.integer({ min: 1, max });
    const rate = fc.double({ min: 1e-5, max: 1, noNaN: true });
    const common = {
      seed: whole(99),
      steps: whole(900),
      batch: whole(32),
      promptLength: whole(40),
      promptRate: rate,
      biasRate: rate,
      balance: fc.constantFrom("none" as const, "weights" as const, "sampling" as const),
      heldOutShare: fc.double({ min: 0, max: 0.5, noNaN: true }),
      evaluateEvery: whole(50),
      patience: whole(9),
      maxTokens: whole(2048),
    };
    const asked = fc.oneof(
      fc.record(
        { ...common, biases: fc.subarray(["q", "v", "down"] as const, { minLength: 1 }) },
        { requiredKeys: [] },
      ),
      fc
        .record(
          { ...common, promptEncoder: fc.constantFrom("none" as const, "mlp" as const, "lstm" as const) },
          { requiredKeys: [] },
        )
        .map((options) => ({ ...options, method: "ptuning" as const })),
      fc
        .record(
          { ...common, lora: fc.record({ rank: whole(64), alpha: whole(64), rate }, { requiredKeys: [] }) },
          { requiredKeys: [] },
        )
        .map((options) => ({ ...options, method: "lora" as const })),
      fc
        .record({ ...common, fullRate: rate }, { requiredKeys: [] })
        .map((options) => ({ ...options, method: "full" as const })),
    );
    fc.assert(
      fc.property(asked, (options: TuningOptions) => {
        assert.deepEqual(
          resolveSettings(optionsOf(command(options)), facts),
          resolveSettings(options, facts),
        );
      }),
      { seed: 1 },
    );
  });

  it("names the start, the part that was learned from, and the folds", () => {
    const settings = resolveSettings({}, facts);
    const more = {
      folds: { count: 5, of: {} },
      trainLimit: { examples: 300, of: 900, seed: 0 },
    };
    assert.match(
      repeatCommand(manifest({ ...settings, start: { from: "text", text: "it's" } }, more), 2048),
      / --start 'text:it'\\''s' --train-limit 300 --folds 5$/,
    );
  });

  it("stands in the report of a run", async () => {
    const task = await makeTask("single", 90);
    try {
      const { result } = await run(tune(task.file));
      assert.match(
        JSON.stringify(result),
        new RegExp(`plumb tune TASK.plumb.json [^"]*--steps ${QUICK.steps}`),
      );
    } finally {
      await task.remove();
    }
  });
});
