import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { loadEngine } from "../../src/core/engine";
import { openBaseModel, readModelSource } from "../../src/core/model";
import { checkWritten, writeModel } from "../../src/core/model/write/write-model";
import { fixtures } from "../fixtures/reference";

/** What transformers made of the folders that Plumb wrote (test/fixtures/written_reference.py). */
const recorded = JSON.parse(readFileSync(path.join(fixtures, "written.json"), "utf8")) as {
  texts: string[];
  tokens: number[];
  rows: number[];
  models: Record<
    string,
    {
      config: unknown;
      tokenizer: string;
      ids: number[][];
      eos: number;
      logProbabilities: number[][];
      float32Error: number;
    }
  >;
};
/** As in parity.test.ts: the unit is the error of transformers' own float32. */
const FACTOR = 8;

describe("transformers reads what Plumb writes as Plumb does", () => {
  const engine = loadEngine();
  for (const [name, { config, tokenizer, ids, eos, logProbabilities, float32Error }] of Object.entries(
    recorded.models,
  ))
    it(`${name}: the files that it was shown, equal tokens and equal log-probabilities`, async () => {
      const folder = await mkdtemp(path.join(tmpdir(), "plumb-written-"));
      try {
        const base = await openBaseModel(path.join(fixtures, name));
        const model = await engine.openModel(base.table, { precision: "float32" });
        await writeModel(folder, base, await readModelSource(base), "a page\n", (tensor) =>
          model.read(tensor),
        );
        model.close();
        assert.deepEqual(JSON.parse(await readFile(path.join(folder, "config.json"), "utf8")), config);
        const hash = createHash("sha256").update(await readFile(path.join(folder, "tokenizer.json")));
        assert.equal(hash.digest("hex"), tokenizer);

        const written = await openBaseModel(folder);
        checkWritten(base, written);
        assert.equal(written.tokenizer.endOfText, eos);
        const { bos } = written.tokenizer;
        // transformers' own class for Qwen2 composes accents whatever tokenizer.json says; this model's has no normal form.
        const shown = (text: string) => (name === "tiny-qwen2.gguf" ? text.normalize("NFC") : text);
        recorded.texts.forEach((text, i) => {
          const own = [...(bos === null ? [] : [bos]), ...written.tokenizer.encode(shown(text))];
          assert.deepEqual(own, ids[i], JSON.stringify(text));
        });

        const again = await engine.openModel(written.table, { precision: "float32" });
        const session = await again.openSession({ method: { promptLength: 0, biases: [] } });
        const size = written.table.config.vocabularySize;
        const { targets } = await session.score({
          tokens: Int32Array.from(recorded.tokens),
          segmentLength: Int32Array.of(recorded.tokens.length),
          segmentParent: Int32Array.of(-1),
          choiceRow: new Int32Array(),
          choiceStart: Int32Array.of(0),
          candidates: new Int32Array(),
          choiceAnswer: new Int32Array(),
          choiceWeight: new Float32Array(),
          targetRow: Int32Array.from(
            { length: recorded.rows.length * size },
            (_, i) => recorded.rows[Math.floor(i / size)]!,
          ),
          targetToken: Int32Array.from({ length: recorded.rows.length * size }, (_, i) => i % size),
          targetWeight: new Float32Array(recorded.rows.length * size),
        });
        const furthest = logProbabilities
          .flat()
          .reduce((most, value, i) => Math.max(most, Math.abs(value - targets[i]!)), 0);
        assert.ok(furthest <= FACTOR * float32Error, `${furthest}, transformers' own error ${float32Error}`);
        session.close();
        again.close();
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
});
