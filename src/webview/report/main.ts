import type { FromReport } from "../../protocol";

declare function acquireVsCodeApi(): { postMessage(message: FromReport): void };

const editor = acquireVsCodeApi();

// The ids that the report shows beside its texts lead to their lines in the examples file.
for (const shown of document.querySelectorAll<HTMLElement>(".errors .id")) {
  const id = shown.textContent;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = id;
  button.title = "Open in the examples file";
  button.style.cssText =
    "font: inherit; color: var(--own); background: none; border: 0; padding: 0; cursor: pointer; text-decoration: underline";
  button.addEventListener("click", () => editor.postMessage({ type: "open-example", id }));
  shown.replaceChildren(button);
}
