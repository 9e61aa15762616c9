import type { FromTune, ToTune } from "../../protocol";
import { TunePage } from "./page";

declare function acquireVsCodeApi(): { postMessage(message: FromTune): void };

const editor = acquireVsCodeApi();
const place = document.getElementById("page")!;
let page: TunePage | null = null;

window.addEventListener("message", ({ data }: MessageEvent<ToTune>) => {
  if (data.type === "opened") {
    page = new TunePage(data, (message) => editor.postMessage(message));
    place.replaceChildren(page.root);
  } else page?.show(data.view);
});
editor.postMessage({ type: "ready" });
