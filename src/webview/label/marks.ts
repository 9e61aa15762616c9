import { element } from "./dom";

const SHAPES = ["●", "■", "▲", "◆", "★", "✚"];
// Orange is left out: the dark themes have it too dark to be seen. Five colours and six shapes pair up in thirty ways.
const COLOURS = ["blue", "yellow", "green", "purple", "red"];

/** The sign of a class: a shape and a colour of the theme, the same wherever the class is shown. */
export function classMark(at: number): HTMLElement {
  const mark = element("span", { class: "mark", "aria-hidden": "true" });
  if (at < 0) {
    mark.textContent = "?";
    return mark;
  }
  mark.textContent = SHAPES[at % SHAPES.length]!;
  mark.style.setProperty("--class", `var(--vscode-charts-${COLOURS[at % COLOURS.length]!})`);
  return mark;
}
