import type { LabelTask, LabelWord } from "../../protocol";
import { MANY_LABELS } from "./answers";
import { button, element } from "./dom";
import type { Words } from "./words";

type KeyLine = readonly [keys: readonly string[], word: LabelWord];

const LABEL_KEYS: readonly KeyLine[] = [
  [["1", "…", "9", "A", "…"], "keyLabels"],
  [["Enter"], "keyConfirm"],
  [["D"], "keyDescriptions"],
];
const FIND_KEYS: readonly KeyLine[] = [[["L"], "keyFindLabel"]];
const ANSWER_KEYS: readonly KeyLine[] = [
  [["Enter"], "keyAnswer"],
  [["Ctrl", "Enter"], "keyAnswered"],
];
const COMMON_KEYS: readonly KeyLine[] = [
  [["←", "→"], "keyMove"],
  [["S"], "keySkip"],
  [["N"], "keyNote"],
  [["Z", "Y"], "keyUndo"],
  [["Backspace"], "keyClear"],
  [["G"], "keyJump"],
  [["/"], "keySearch"],
  [["Esc"], "keyEscape"],
];

/** All keys on one page. */
export function keysDialog(task: LabelTask, words: Words): HTMLDialogElement {
  const own =
    task.kind === "generation"
      ? ANSWER_KEYS
      : [...LABEL_KEYS, ...(task.labels.length > MANY_LABELS ? FIND_KEYS : [])];
  const keys = [...own, ...COMMON_KEYS];
  const close = button(words.say("close"), () => dialog.close());
  const dialog = element(
    "dialog",
    { "aria-label": words.say("keys") },
    element(
      "dl",
      {},
      ...keys.flatMap(([names, word]) => [
        element("dt", {}, ...names.map((name) => (name === "…" ? name : element("kbd", {}, name)))),
        element("dd", {}, words.say(word)),
      ]),
    ),
    close,
  );
  return dialog;
}
