import type { Task } from "../../core/schema";
import { signsOf } from "../../core/signs";
import type { LabelRow, LabelTask } from "../../protocol";
import { isTest, whyShown, type Arrangement } from "./arrange";

/** Characters of a text that a list shows. */
const BEGINNING = 240;
/** Characters of a line shown at most: what is longer is no text to be judged at a glance. */
const LONGEST = 1_000_000;

/** A task as the page shows it. */
export function presentTask({ name, kind, instruction = "", labels = [] }: Task): LabelTask {
  const signs = signsOf(labels.map(({ color }) => color ?? null));
  return {
    ...{ name, kind, instruction },
    labels: labels.map((label, at) => ({
      name: label.name,
      description: label.description ?? "",
      sign: signs[at]!,
    })),
  };
}

/** A line as the page shows it; null for a blank one. */
export function presentRow(line: number, whole: boolean, arrangement: Arrangement): LabelRow | null {
  const row = arrangement.rows.at(line);
  if (row.state === "blank") return null;
  const why = whyShown(line, arrangement);
  const shown = cut(row.state === "broken" ? row.raw : row.text, whole ? LONGEST : BEGINNING);
  if (row.state === "broken") {
    return {
      ...{ line, ...shown, why, id: "", state: "broken", answer: [], note: "", test: false },
      problem: row.problem,
    };
  }
  const { id, state, answer, note } = row;
  return {
    ...{ line, ...shown, why, id, state, answer, note },
    test: isTest(row, arrangement),
    problem: null,
  };
}

/** The beginning of a text. A character is not cut in two. */
function cut(text: string, most: number): { text: string; whole: boolean } {
  if (text.length <= most) return { text, whole: true };
  const end = (text.charCodeAt(most - 1) & 0xfc00) === 0xd800 ? most - 1 : most;
  return { text: text.slice(0, end), whole: false };
}
