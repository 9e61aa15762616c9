import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { Editor } from "./editor";
import { Place } from "./place";
import { openWalkthrough, press, STEPS, stepsDone, walkThrough } from "./walkthrough";

const root = path.resolve(__dirname, "../..");
const sample = path.join(root, "media/sample");

describe("the walkthrough in a real editor", function () {
  this.timeout(300_000);
  let place: Place;
  let editor: Editor;
  let home: string;

  before(async function () {
    const made = await Place.make("walkthrough");
    if (made === null) this.skip();
    place = made;
    home = path.join(place.workspace, "home");
    const model = path.join(place.workspace, "tiny.gguf");
    await mkdir(home);
    await cp(path.join(root, "test/fixtures/tiny.gguf"), model);
    // The sample's task names no base model.
    const settings = { "plumb.baseModel": model };
    editor = await place.open({ workspace: null, env: { HOME: home }, settings });
  });
  after(() => (place as Place | undefined)?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await place.picture("walkthrough-failed");
  });

  it("leads by its own buttons from an empty window to the report of the sample", async () => {
    const folder = path.join(home, "plumb-sample");
    const told: string[] = [];
    await walkThrough(
      editor,
      home,
      async (step, page) => {
        await place.picture(`walkthrough-${step}`);
        told.push(step);
        if (step === "sample") {
          const files = ["README.md", "manipulation.jsonl", "manipulation.plumb.json"];
          assert.deepEqual((await readdir(folder)).sort(), files);
          for (const file of files)
            assert.equal(
              await readFile(path.join(folder, file), "utf8"),
              await readFile(path.join(sample, file), "utf8"),
            );
        }
        if (step === "label") assert.match(await page!.locator(".total").innerText(), /576 of 576/);
        if (step === "report") {
          assert.equal((await readdir(path.join(folder, ".plumb", "runs"))).length, 1);
          assert.match(await page!.locator("h1").innerText(), /[Mm]anipulation/);
        }
      },
      120_000,
    );
    assert.deepEqual(told, Object.keys(STEPS));
  });

  it("marks what was done, and the report opens from its last step", async () => {
    await editor.run("View: Close All Editors");
    await openWalkthrough(editor);
    assert.deepEqual(await stepsDone(editor), ["sample", "label", "model", "tune"]);
    await press(editor, "report");
    await editor.frame("#classes");
    await openWalkthrough(editor);
    assert.deepEqual(await stepsDone(editor), Object.keys(STEPS));
  });
});
