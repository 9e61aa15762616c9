import type { FromReport } from "../../protocol";

declare function acquireVsCodeApi(): { postMessage(message: FromReport): void };

const editor = acquireVsCodeApi();

/** An example's id, marked up by the report, leads to its line in the examples file: by click, Enter or space. */
function idUnder(event: Event): string | undefined {
  const target = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-example]") : null;
  return target?.dataset.example;
}

for (const element of document.querySelectorAll<HTMLElement>("[data-example]")) {
  element.tabIndex = 0;
  element.setAttribute("role", "link");
  element.title = "Open in the examples file";
}
document.addEventListener("click", (event) => {
  const id = idUnder(event);
  if (id !== undefined) editor.postMessage({ type: "open-example", id });
});
document.addEventListener("keydown", (event) => {
  const id = idUnder(event);
  if (id === undefined || (event.key !== "Enter" && event.key !== " ")) return;
  event.preventDefault();
  editor.postMessage({ type: "open-example", id });
});
