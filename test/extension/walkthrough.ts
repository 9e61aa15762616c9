import type { FrameLocator } from "playwright-core";
import type { Editor } from "./editor";

/** Steps of the walkthrough, with the button of each. */
export const STEPS = {
  sample: "Open Sample",
  label: "Label Examples",
  model: "Get Base Model",
  tune: "Tune Adapter",
  report: "Open Report",
} as const;
export type Step = keyof typeof STEPS;

export async function openWalkthrough(editor: Editor): Promise<void> {
  await editor.run("Welcome: Open Walkthrough");
  await editor.page.locator(".quick-input-widget .monaco-list-row", { hasText: "From your texts" }).click();
  await editor.page.locator(".getting-started-step").first().waitFor();
}

/** Steps that the walkthrough on show marks as done. */
export async function stepsDone(editor: Editor): Promise<string[]> {
  const marks = editor.page.locator("[data-done-step-id][aria-checked=true]");
  const ids = (await marks.all()).map((mark) => mark.getAttribute("data-done-step-id"));
  return (await Promise.all(ids)).map((id) => id?.split("#").at(-1) ?? "");
}

/** Presses the button of a step of the walkthrough on show. */
export async function press(editor: Editor, step: Step): Promise<void> {
  const card = editor.page.locator(`.getting-started-step[data-step-id$="#${step}"]`);
  if ((await card.getAttribute("aria-expanded")) !== "true") await card.click();
  await card.locator("a.monaco-button", { hasText: STEPS[step] }).click();
}

/**
 * Goes through the walkthrough by its own buttons, from a window without a folder to the report of the sample.
 * @param parent Folder in which the sample's is made.
 * @param seen Told what a step has brought to the screen, the page that it opened (null where that is the editor's own), and the
 *   milliseconds since the first press.
 * @param most Milliseconds that the run may take.
 */
export async function walkThrough(
  editor: Editor,
  parent: string,
  seen: (step: Step, page: FrameLocator | null, since: number) => Promise<void>,
  most: number,
): Promise<void> {
  const { page } = editor;
  await openWalkthrough(editor);
  const begun = performance.now();
  const shown = (step: Step, opened: FrameLocator | null) => seen(step, opened, performance.now() - begun);
  await press(editor, "sample");
  await editor.givePath(parent);
  await page.locator(".tab.active", { hasText: "manipulation.plumb.json" }).waitFor({ timeout: 90_000 });
  await shown("sample", null);
  await openWalkthrough(editor);
  await press(editor, "label");
  await shown("label", await editor.frame(".facts .id"));
  await openWalkthrough(editor);
  await press(editor, "model");
  const ways = page.locator(".quick-input-widget .monaco-list-row", { hasText: "The default model" });
  await ways.first().waitFor();
  await shown("model", null);
  await page.keyboard.press("Escape");
  await openWalkthrough(editor);
  await press(editor, "tune");
  const plan = await editor.frame("button[data-action=tune]");
  await plan.locator(".first", { hasText: /^Tunes / }).waitFor({ timeout: 90_000 });
  await shown("tune", plan);
  await page.keyboard.press("Enter");
  // It opens by itself.
  await editor.panel().locator("#classes").waitFor({ timeout: most });
  await shown("report", editor.panel());
}
