import * as vscode from "vscode";
import type { RunEntry, RunState } from "../../core/runs/list";
import { counted, say } from "../../core/say";
import type { Figures } from "../locale";

const ICONS: Readonly<Record<RunState, string>> = {
  finished: "graph",
  running: "sync~spin",
  "cut-off": "debug-disconnect",
  paused: "debug-pause",
  trouble: "warning",
  damaged: "error",
};

/** A run's score with its interval, in the words of its kind of task. */
export function scoreWords(score: RunEntry["score"], figures: Figures): string | null {
  if (score === null) return null;
  const name = score.of === "macroF1" ? "F1" : "ROUGE-L";
  if (score.value === null) return `${name} –`;
  const between =
    score.low === null || score.high === null ? "" : ` ${figures.interval(score.low, score.high)}`;
  return `${name} ${figures.score(score.value)}${between}`;
}

function stateWords(state: RunState): string {
  switch (state) {
    case "finished":
      return vscode.l10n.t("finished");
    case "running":
      return vscode.l10n.t("being tuned");
    case "cut-off":
      return vscode.l10n.t("cut off");
    case "paused":
      return vscode.l10n.t("stopped, saved");
    case "trouble":
      return vscode.l10n.t("led nowhere");
    case "damaged":
      return vscode.l10n.t("damaged");
  }
}

/** A run by its score, else by how it stands. */
export const runTitle = ({ score, state }: RunEntry, figures: Figures): string =>
  scoreWords(score, figures) ?? stateWords(state);

/** A run as an item of a tree. */
export function runItem(run: RunEntry, figures: Figures): vscode.TreeItem {
  const { state, folder, createdAt, method, baseModel, folds, reason } = run;
  const score = scoreWords(run.score, figures);
  const label = runTitle(run, figures);
  const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.None);
  item.id = `run ${folder}`;
  const date = figures.date(createdAt) || run.id;
  item.description = [date, method].filter(Boolean).join(" · ");
  item.iconPath = new vscode.ThemeIcon(ICONS[state]);
  item.contextValue = `plumb.run.${state === "cut-off" || state === "paused" ? "unfinished" : state}`;
  item.tooltip = [
    score === null ? label : `${label} (${stateWords(state)})`,
    date,
    [method, baseModel].filter(Boolean).join(", "),
    ...(folds > 0 ? [say`${counted(folds, "fold", "folds")}`] : []),
    ...(reason === null ? [] : [reason]),
    folder,
  ]
    .filter((part) => part !== "")
    .join("\n");
  if (state === "finished") {
    item.command = {
      title: vscode.l10n.t("Open Report"),
      command: "plumb.openRun",
      arguments: [{ run: folder }],
    };
  }
  return item;
}
