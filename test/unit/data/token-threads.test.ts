import assert from "node:assert/strict";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { countTokensInThreads } from "../../../src/core/data";
import { countTokens, surelyFits } from "../../../src/core/data/lengths";
import { openBaseModel } from "../../../src/core/model";
import { TestFolder, textOf } from "./folder";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const tiny = path.join(root, "test/fixtures/tiny");
const room = 100;

describe("counting tokens in threads", function () {
  this.timeout(60_000);
  let folder: TestFolder;
  beforeEach(async () => {
    folder = await TestFolder.make();
  });
  afterEach(() => folder.remove());

  // 1 to 100 repetitions: some surely fit, some fit, some do not, some are far too long.
  const texts = Array.from({ length: 150 }, (_, n) =>
    textOf(n)
      .slice(0, 30 + n)
      .repeat(1 + (n % 100)),
  );

  it("gives what counting here gives, for every text that may be too long and for no other", async () => {
    const file = folder.at("token-worker.js");
    await build({
      entryPoints: [path.join(root, "src/core/data/token-worker.ts")],
      bundle: true,
      platform: "node",
      outfile: file,
      logLevel: "error",
      logOverride: { "empty-import-meta": "silent" },
    });
    const counts = await countTokensInThreads(texts, tiny, room, { file, worth: 0 });
    const { tokenizer } = await openBaseModel(tiny);
    const expected = texts
      .filter((text) => !surelyFits(text, room))
      .map((text) => [text, countTokens(text, tokenizer, room)] as const);
    assert.deepEqual(counts, new Map(expected));
    assert.ok(expected.some(([, { exact }]) => exact) && expected.some(([, { exact }]) => !exact));
    assert.ok(expected.length < texts.length);
  });

  it("leaves little work, and work without a thread's program, to the caller", async () => {
    assert.equal((await countTokensInThreads(texts, tiny, room, { file: "/none.js" })).size, 0);
    assert.equal((await countTokensInThreads(texts, tiny, room, { file: null, worth: 0 })).size, 0);
  });

  it("fails, and does not wait for ever, where a thread fails or ends", async () => {
    const failing = await folder.write("failing.js", 'throw new Error("no tokenizer")');
    await assert.rejects(
      countTokensInThreads(texts, tiny, room, { file: failing, worth: 0 }),
      /no tokenizer/,
    );
    const ending = await folder.write("ending.js", "");
    await assert.rejects(
      countTokensInThreads(texts, tiny, room, { file: ending, worth: 0 }),
      /ended too early/,
    );
  });
});
