import * as vscode from "vscode";
import { renderComparison, withColors } from "../../core/report";
import { spokenLanguage } from "../../core/say";
import { readManifest } from "../../core/tuning/run-folder";
import type { FromReport } from "../../protocol";
import { openExample, runItem, sayNoRuns, taskNow, type PanelOptions } from "../report-panels";
import { finishedRuns, taskOfRun, type FinishedRun } from "../runs";
import { pickTask, runOf } from "../task-files";
import { giveOut, openedMessage, openPanel, saveAs, sayExported, type ShownRun } from "./panel";

/** Comparisons of runs of a task, each in an editor tab of its own. */
export class Comparisons {
  constructor(private readonly options: PanelOptions) {}

  /** The command: two or more runs of a task, which the user picks, side by side; the one that it is called on among them. */
  async compareCommand(called: unknown): Promise<void> {
    const task = await pickTask(called);
    if (task !== undefined) await this.compare(task, runOf(called) ?? null);
  }

  /** The same, from the panel of one of them. */
  async compareWith({ folder }: ShownRun): Promise<void> {
    await this.compare(vscode.Uri.file(await taskOfRun(folder)), folder);
  }

  /** @param known Run that the others are measured against; the oldest of those picked where null. */
  private async compare(task: vscode.Uri, known: string | null): Promise<void> {
    const runs = await finishedRuns(task.fsPath);
    if (runs.length === 0) return sayNoRuns(task);
    if (runs.length === 1) {
      const tune = vscode.l10n.t("Tune Adapter");
      const message = vscode.l10n.t(
        "There is only one finished run of this task: tune once more to compare.",
      );
      if ((await vscode.window.showInformationMessage(message, tune)) === tune)
        await vscode.commands.executeCommand("plumb.tuneAdapter", task);
      return;
    }
    const picked = await pickRuns(runs, known);
    if (picked === undefined) return;
    // A is the oldest.
    const chosen = picked.toSorted((a, b) => a.report.run.startedAt.localeCompare(b.report.run.startedAt));
    const reference = Math.max(
      0,
      chosen.findIndex(({ folder }) => folder === known),
    );
    await this.show(chosen, reference);
  }

  private async show(runs: readonly FinishedRun[], first: number): Promise<void> {
    const [oldest, ...others] = runs.map(({ folder }) => folder);
    const { examples, texts, labels } = await taskNow([oldest!, ...others]);
    const reports = runs.map(({ report }) => (labels === null ? report : withColors(report, labels)));
    const { name } = reports[0]!.task;
    let reference = first;
    const manifests = await Promise.all(runs.map(({ folder }) => readManifest(folder).catch(() => null)));
    const render = () =>
      renderComparison(reports, { texts, manifests, reference, language: spokenLanguage() });
    const shown: ShownRun = {
      ...runs[0]!,
      ...{ report: reports[0]!, examples, texts, unseen: null, notice: null },
    };
    const take = async (message: FromReport): Promise<void> => {
      switch (message.type) {
        case "ready":
          post(openedMessage(shown, "comparison"));
          return;
        case "reference":
          if (message.run >= runs.length) return;
          reference = message.run;
          show(render());
          return;
        case "open-example":
          return openExample(message.id, shown, this.options);
        case "copy":
        case "save":
          return giveOut(message);
        case "command": {
          if (message.command !== "export") return;
          const file = `${name.replace(/[^\p{L}\p{N}]+/gu, "-")}-comparison.html`;
          const page = await saveAs(file, Buffer.from(render(), "utf8"), { HTML: ["html"] });
          if (page !== undefined) await sayExported(page);
          return;
        }
        default:
          return;
      }
    };
    const { show, post } = openPanel(
      vscode.l10n.t("{0}: comparison", name),
      this.options.pages,
      (message) => void take(message),
    );
    show(render());
  }
}

/** Two or more runs; all of them where there are just two. */
async function pickRuns(
  runs: readonly FinishedRun[],
  known: string | null,
): Promise<readonly FinishedRun[] | undefined> {
  if (runs.length === 2) return runs;
  const fixed = runs.filter(({ folder }) => folder === known);
  const others = runs.filter(({ folder }) => folder !== known);
  const items = others.map((run, at) => ({ ...runItem(run), picked: at < 2 - fixed.length }));
  const picked = await vscode.window.showQuickPick(items, {
    canPickMany: true,
    placeHolder:
      fixed.length === 0
        ? vscode.l10n.t("Which runs? Two or more")
        : vscode.l10n.t("Compare with which runs?"),
  });
  if (picked === undefined || picked.length === 0) return undefined;
  const chosen = [...fixed, ...picked.map(({ run }) => run)];
  if (chosen.length >= 2) return chosen;
  void vscode.window.showInformationMessage(vscode.l10n.t("Pick at least two runs to compare."));
  return undefined;
}
