import type { FrameLocator } from "playwright-core";
import type { Editor } from "./editor";

/**
 * Starts a run of so many steps that it does not end by itself, and returns its page once it is under way.
 * @param most Milliseconds until then.
 */
export async function startLongRun(editor: Editor, file: string, most = 60_000): Promise<FrameLocator> {
  await editor.run("View: Close All Editors");
  await editor.openFile(file);
  await editor.run("Plumb: Tune Adapter");
  const page = await editor.frame(".choices summary");
  await page.locator(".first", { hasText: /^Tunes / }).waitFor({ timeout: most });
  await page.locator("summary", { hasText: "More Choices" }).click();
  await page.getByLabel("Steps").fill("200000");
  await page.getByLabel("Steps").press("Tab");
  await page.locator("dd", { hasText: "200,000" }).waitFor({ timeout: most });
  await page.locator("button[data-action=tune]").click();
  await page.locator(".stand", { hasText: /step \d{2,} of/ }).waitFor({ timeout: most });
  return page;
}
