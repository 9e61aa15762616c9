import type { LabelSign } from "../../protocol";
import { element } from "./dom";

/** The sign of a class, before its name; null for what is no class of the task. */
export function classMark(sign: LabelSign | null): HTMLElement {
  return element(
    "span",
    { class: "mark", "data-color": sign?.color ?? null, "aria-hidden": "true" },
    sign?.shape ?? "?",
  );
}
