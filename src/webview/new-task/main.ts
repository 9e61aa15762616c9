import type { FromNewTask, ToNewTask } from "../../new-task-protocol";
import { NewTaskPage } from "./page";

declare function acquireVsCodeApi(): { postMessage(message: FromNewTask): void };

const editor = acquireVsCodeApi();
const place = document.getElementById("page")!;
let page: NewTaskPage | null = null;

window.addEventListener("message", ({ data }: MessageEvent<ToNewTask>) => {
  if (data.type === "opened") {
    page?.dispose();
    page = new NewTaskPage(data, (message) => editor.postMessage(message));
    place.replaceChildren(page.root);
  } else page?.take(data);
});
editor.postMessage({ type: "ready" });
