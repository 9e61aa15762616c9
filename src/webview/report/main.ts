import type { FromReport, ToReport } from "../../protocol";
import { ReportPage } from "./page";

declare function acquireVsCodeApi(): { postMessage(message: FromReport): void };

const editor = acquireVsCodeApi();
let page: ReportPage | null = null;

window.addEventListener("message", ({ data }: MessageEvent<ToReport>) => {
  // The page's own markup is there already: it is made ready once.
  if (data.type === "opened") page ??= new ReportPage(data, (message) => editor.postMessage(message));
  else page?.take(data);
});
editor.postMessage({ type: "ready" });
