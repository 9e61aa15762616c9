import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import path from "node:path";
import type { Editor } from "./editor";
import { Place } from "./place";

const sample = path.resolve(__dirname, "../../media/sample");

describe("a folder that the user does not trust, in a real editor", function () {
  this.timeout(240_000);
  let place: Place;
  let editor: Editor;

  before(async function () {
    const made = await Place.make("trust");
    if (made === null) this.skip();
    place = made;
    for (const file of ["manipulation.plumb.json", "manipulation.jsonl"])
      await cp(path.join(sample, file), path.join(place.workspace, file));
    editor = await place.open({ trust: true });
  });
  after(() => (place as Place | undefined)?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await place.picture("trust-failed");
  });

  const icon = () => editor.page.locator(".activitybar a[aria-label^=Plumb]");
  /** What the palette offers of Plumb. */
  async function commands(): Promise<string[]> {
    const widget = editor.page.locator(".quick-input-widget");
    await editor.page.keyboard.press("F1");
    await widget.locator("input").first().fill(">Plumb: ");
    await widget.locator(".monaco-list-row").first().waitFor();
    const rows = await widget.locator(".monaco-list-row").allInnerTexts();
    await editor.page.keyboard.press("Escape");
    return rows.filter((row) => row.startsWith("Plumb:"));
  }

  it("has nothing of Plumb: no command, no view, no link in the task", async () => {
    await editor.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor();
    await editor.openFile("manipulation.plumb.json");
    await editor.page.locator(".view-line", { hasText: "Manipulation" }).first().waitFor();
    assert.deepEqual(await commands(), []);
    assert.equal(await icon().count(), 0);
    assert.equal(await editor.page.locator(".codelens-decoration a").count(), 0);
    await place.picture("untrusted");
  });

  it("has all of it as soon as the user trusts it", async () => {
    await editor.run("Workspaces: Manage Workspace Trust");
    await editor.page.locator(".workspace-trust-editor").getByText("Trust", { exact: true }).first().click();
    await icon().waitFor({ timeout: 60_000 });
    await editor.openFile("manipulation.plumb.json");
    await editor.page.locator(".codelens-decoration a").first().waitFor({ timeout: 60_000 });
    assert.ok((await commands()).length > 5);
  });
});
