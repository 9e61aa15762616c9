import { access } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import type { RunEntry } from "../../core/runs/list";
import { sentenceOf } from "../../core/system-error";
import { Figures } from "../locale";
import { taskFiles } from "../task-files";

const DECLINED = "plumb.declinedRuns";
/** A window that is closed leaves workers that save what there is: they are given time for it. */
const TRIES = 5;
const BETWEEN = 2000;

/** Runs that were cut off, offered when the editor starts: until the user has decided about each. */
export class UnfinishedRuns {
  constructor(
    private readonly memory: vscode.Memento,
    private readonly resume: (task: vscode.Uri, run: string) => Promise<void>,
  ) {}

  /** The user has decided about a run, by cancelling it or here. */
  decided(run: string): void {
    void this.memory.update(DECLINED, [...new Set([...this.declined(), run])]);
  }

  /** Asks about each one. */
  async offer(): Promise<void> {
    const folders = [...new Set((await taskFiles()).map(({ fsPath }) => path.dirname(fsPath)))];
    await Promise.all(folders.map((folder) => this.offerIn(folder)));
  }

  private async offerIn(folder: string): Promise<void> {
    try {
      await access(path.join(folder, ".plumb", "runs"));
    } catch {
      return; // no run, and nothing to load for
    }
    const { listRuns } = await import("../../core/runs/list");
    const { unfinishedRuns } = await import("../../core/runs/unfinished");
    for (let tries = 0; tries < TRIES; tries++) {
      const runs = await listRuns(folder);
      await Promise.all(unfinishedRuns(runs, this.declined()).map((run) => this.ask(run)));
      if (runs.every(({ state }) => state !== "running")) return;
      await new Promise((resolve) => setTimeout(resolve, BETWEEN));
    }
  }

  private async ask(run: RunEntry): Promise<void> {
    const { l10n } = vscode;
    const [resume, later, away] = [l10n.t("Resume"), l10n.t("Not Now"), l10n.t("Delete Run")];
    const date = new Figures().date(run.createdAt);
    const answer = await vscode.window.showInformationMessage(
      run.keepsExamples
        ? l10n.t(
            "{0}: the run of {1} did not end. Nothing of what it had saved is lost; it goes on to the same result, with task, texts and answers as they were when it began, whatever was labelled since.",
            run.taskName,
            date,
          )
        : l10n.t(
            "{0}: the run of {1} did not end. Nothing of what it had saved is lost; it goes on to the same result, as long as its task and its texts with their answers are what they were.",
            run.taskName,
            date,
          ),
      resume,
      later,
      away,
    );
    if (answer === undefined) return; // asked again at the next start
    this.decided(run.folder);
    if (answer === resume) await this.resume(vscode.Uri.file(run.task!), run.folder);
    if (answer === away) {
      const { deleteRun } = await import("../../core/runs/delete");
      await deleteRun(run.folder).catch((error: unknown) =>
        vscode.window.showErrorMessage(sentenceOf(error)),
      );
    }
  }

  private declined(): ReadonlySet<string> {
    return new Set(this.memory.get<string[]>(DECLINED, []));
  }
}
