import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { Editor } from "./editor";
import { Place } from "./place";

const task = {
  version: 1,
  name: "Messages",
  kind: "single",
  labels: [{ name: "pressure" }, { name: "none" }],
  examples: "messages.jsonl",
};

describe("the extension in an editor that speaks Russian", function () {
  this.timeout(240_000);
  let place: Place;
  let editor: Editor;

  before(async function () {
    const made = await Place.make("language");
    if (made === null) this.skip();
    place = made;
    const lines = ["pressure", "wrong"].map((label, at) =>
      JSON.stringify({ id: `e${at}`, text: `Text ${at}`, label }),
    );
    await writeFile(path.join(place.workspace, "messages.jsonl"), `${lines.join("\n")}\n`);
    await writeFile(path.join(place.workspace, "messages.plumb.json"), JSON.stringify(task, null, 2));
    editor = await place.open({ language: "ru" });
  });
  after(() => (place as Place | undefined)?.close());
  afterEach(async function () {
    if (this.currentTest?.state === "failed") await place.picture("language-failed");
  });

  it("says commands and views in it", async () => {
    await editor.page.locator(".activitybar a[aria-label^=Plumb]").click();
    await editor.page.locator(".pane-header", { hasText: "Задачи" }).waitFor();
    await editor.page.locator(".pane-body", { hasText: "Адаптеров пока нет." }).first().waitFor();
  });

  it("says in it what its processes find in a task's files", async () => {
    await editor.openFile("messages.plumb.json");
    await editor.run("Plumb: Проверить задачу");
    await editor.run("Problems: Focus on Problems View");
    await editor.page.locator(".markers-panel", { hasText: "Метки «wrong» нет в наборе меток" }).waitFor();
  });

  it("has its pages in it", async () => {
    await editor.run("Plumb: Разметить примеры");
    const page = await editor.frame(".total");
    await page.locator(".total", { hasText: "Размечено 2 из 2" }).waitFor();
    await place.picture("language-label");
  });
});
