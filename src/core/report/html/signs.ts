import type { Report } from "../../schema";
import { signsOf, type Sign } from "../../signs";
import { markup, type Markup } from "./markup";

/** Signs of a report's classes, in the order of the label set. */
export const reportSigns = ({ labels, colors }: Report["task"]): Sign[] =>
  signsOf(labels.map((_, at) => colors?.[at] ?? null));

/** The sign of each class, to stand before its name. */
export function signMarks(task: Report["task"]): ReadonlyMap<string, Markup> {
  return new Map(
    reportSigns(task).map(({ shape, color }, at) => [
      task.labels[at]!,
      markup`<span class="mark" data-color="${color}" aria-hidden="true">${shape}</span>`,
    ]),
  );
}
