import assert from "node:assert/strict";
import path from "node:path";
import { build } from "esbuild";
import { openBaseModel, type BaseModel } from "../../../src/core/model";
import { Reach } from "../../../src/core/reach";
import { leftOut } from "../../../src/core/reach/left-out";
import { encodeText, type Layout } from "../../../src/core/tuning/layout";
import { usualLayout } from "../../../src/core/tuning/prepare";
import type { Task } from "../../../src/core/schema";
import { TestFolder } from "../data/folder";

const root = path.resolve(__dirname, "../../..");
const tiny = path.join(root, "test/fixtures/tiny");
const task: Task = {
  ...{ version: 1, name: "t", kind: "single", examples: "t.jsonl" },
  labels: [{ name: "yes" }, { name: "no" }],
};
const words = (count: number) =>
  Array.from({ length: count }, (_, at) => `${["of", "the", "and", "to"][at % 4]!}${at % 10}`).join(" ");

describe("what the model does not read of a text", () => {
  let model: BaseModel;
  let layout: Layout;
  before(async () => {
    model = await openBaseModel(tiny);
    layout = usualLayout(task, model, []);
  });

  it("is what a run cuts out: its beginning and end are the tokens that the run keeps", () => {
    for (const text of [words(3000), words(3000).replaceAll("to", "ё😀")]) {
      const gap = leftOut(layout, model.tokenizer, text)!;
      const { tokens, cut } = encodeText({ ...layout, after: [] }, model.tokenizer, text);
      assert.equal(cut, true);
      const kept = model.tokenizer.decode(tokens).split(model.tokenizer.decode(layout.mark));
      // A token or a character may reach across an end.
      const near = (shown: string, read: string) => assert.ok(Math.abs(shown.length - read.length) <= 8);
      near(text.slice(0, gap.from), kept[0]!);
      near(text.slice(gap.to), kept[1]!);
      assert.ok(kept[0]!.startsWith(text.slice(0, gap.from - 8)));
      assert.ok(kept[1]!.endsWith(text.slice(gap.to + 8)));
      assert.equal(/\p{Surrogate}/u.test(text.slice(0, gap.from) + text.slice(gap.to)), false);
    }
  });

  it("is nothing where the text fits, to the token", () => {
    const fitting = model.tokenizer.decode(model.tokenizer.encode(words(3000)).slice(0, layout.textRoom));
    assert.equal(model.tokenizer.encode(fitting).length, layout.textRoom);
    assert.equal(leftOut(layout, model.tokenizer, fitting), null);
    assert.notEqual(leftOut(layout, model.tokenizer, `${fitting} and more`), null);
  });

  it("is said by a thread of its own, which answers for the text that was asked last and ends without a model", async function () {
    this.timeout(60_000);
    const folder = await TestFolder.make();
    const file = folder.at("reach-thread.js");
    await build({
      ...{ entryPoints: [path.join(root, "src/core/reach/thread-worker.ts")], outfile: file },
      ...{ bundle: true, platform: "node", logLevel: "error" },
      logOverride: { "empty-import-meta": "silent" },
    });
    const of = { task, folder: folder.at("."), method: null, answers: [] };
    const reach = new Reach(file, () => ({ ...of, base: tiny }));
    const texts = [words(3000), words(3100), words(3200)];
    const asked = texts.map((text) => reach.leftOut(text));
    assert.deepEqual(await Promise.all(asked), [null, null, leftOut(layout, model.tokenizer, texts[2]!)]);
    assert.deepEqual(await reach.leftOut(texts[0]!), leftOut(layout, model.tokenizer, texts[0]!));
    assert.equal(await reach.leftOut("Short."), null);
    reach.dispose();
    const without = new Reach(file, () => ({ ...of, base: folder.at("no-such-model") }));
    assert.equal(await without.leftOut(texts[0]!), null);
    await folder.remove();
  });
});
