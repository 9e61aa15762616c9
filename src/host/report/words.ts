import * as vscode from "vscode";
import type { ReportWords } from "../../protocol";

/** Words of the panels' pages, in the language of the editor. `{0}`, `{1}` are filled in on the page. */
export function reportWords(): ReportWords {
  return {
    actions: vscode.l10n.t("Actions"),
    behind: vscode.l10n.t("True {0}, given {1}: {2}"),
    behindFalse: vscode.l10n.t("{0} wrongly given: {1}"),
    behindHit: vscode.l10n.t("{0} rightly given: {1}"),
    behindMissed: vscode.l10n.t("{0} missed: {1}"),
    cells: vscode.l10n.t("Click a cell to read its texts."),
    changed: vscode.l10n.t("The text of {0} was changed after this run had judged it."),
    close: vscode.l10n.t("Close"),
    compare: vscode.l10n.t("Compare with other runs…"),
    copied: vscode.l10n.t("Copied."),
    copyCsv: vscode.l10n.t("Copy as CSV"),
    copyMarkdown: vscode.l10n.t("Copy as Markdown"),
    copyPng: vscode.l10n.t("Copy as PNG"),
    copySvg: vscode.l10n.t("Copy as SVG"),
    export: vscode.l10n.t("Export the page…"),
    given: vscode.l10n.t("given"),
    givenTrue: vscode.l10n.t("given, and true"),
    label: vscode.l10n.t("Label with the adapter"),
    macro: vscode.l10n.t(
      "With these thresholds macro F1 would be {0} on these texts; with the run's own it is {1}.",
    ),
    notAtHand: vscode.l10n.t("The text of {0} is not at hand."),
    openExample: vscode.l10n.t("Open in the label editor"),
    predict: vscode.l10n.t("Predict a file…"),
    reset: vscode.l10n.t("Back to the run's own"),
    rest: vscode.l10n.t("{0:more text is|more texts are} not listed."),
    sortBy: vscode.l10n.t("Sort by {0}"),
    threshold: vscode.l10n.t("Give {0} from this probability on"),
    thresholdSays: vscode.l10n.t(
      "From {0} on: precision {1}, recall {2}, F1 {3}; given to {4} of {5:text|texts}.",
    ),
    true: vscode.l10n.t("true"),
    try: vscode.l10n.t("Try it"),
    tryBox: vscode.l10n.t("A text to judge"),
    tryCut: vscode.l10n.t("The text is longer than the model can read: its middle was left out."),
    tryFailed: vscode.l10n.t("The adapter could not answer."),
    tryGiven: vscode.l10n.t("given"),
    tryHint: vscode.l10n.t(
      "Type or paste a text: the adapter answers while you type. Nothing is kept or sent.",
    ),
    tryNothing: vscode.l10n.t("no label"),
    tryOther: vscode.l10n.t("{0:less likely label is|less likely labels are} not shown."),
    tryStarting: vscode.l10n.t("Opening the model …"),
    tryTable: vscode.l10n.t("What the adapter answers"),
    tryTitle: vscode.l10n.t("What would it say to another text?"),
    tryWaiting: vscode.l10n.t("Asking the adapter …"),
  };
}
