import type { FromLabel, ToLabel } from "../../protocol";
import { ClosedPage } from "./closed";
import { LabelPage } from "./page";

declare function acquireVsCodeApi(): {
  postMessage(message: FromLabel): void;
  getState(): unknown;
  setState(state: unknown): void;
};

const editor = acquireVsCodeApi();
const place = document.getElementById("page")!;
let page: LabelPage | null = null;
/** Whether this document has shown the editor yet. What it told since was told to whoever opens it anew. */
let begun = false;

window.addEventListener("message", ({ data }: MessageEvent<ToLabel>) => {
  if (data.type === "opened") {
    page?.dispose();
    page = new LabelPage(data, editor);
    place.replaceChildren(page.root);
    page.start(!begun);
    begun = true;
  } else if (data.type === "closed") {
    page?.dispose();
    page = null;
    place.replaceChildren(new ClosedPage(data, (message) => editor.postMessage(message)).root);
  } else page?.take(data);
});
editor.postMessage({ type: "ready" });
