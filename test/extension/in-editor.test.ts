import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { bundleSuite } from "../../scripts/lib/in-editor.mjs";
import type { Outcome } from "../in-editor/outcome";
import { Place } from "./place";

describe("the extension from within its host", function () {
  this.timeout(240_000);
  let place: Place;

  before(async function () {
    const made = await Place.make("in-editor");
    if (made === null) this.skip();
    place = made;
  });
  after(() => (place as Place | undefined)?.close());

  it("passes the suite that a desktop's VS Code can run too", async () => {
    const file = path.join(place.workspace, "outcome.json");
    const tests = await bundleSuite();
    await place.open({ suite: tests, env: { PLUMB_IN_EDITOR: file } });
    const end = Date.now() + 180_000;
    let outcome: Outcome | null = null;
    while (outcome === null && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      outcome = await readFile(file, "utf8").then(
        (text) => JSON.parse(text) as Outcome,
        () => null,
      );
    }
    assert.ok(outcome !== null, "the editor did not run the suite");
    assert.deepEqual(outcome.failed, []);
    assert.ok(outcome.passed.length >= 9, outcome.passed.join("\n"));
  });
});
