import path from "node:path";
import * as vscode from "vscode";
import { loadTask, type LoadedExample } from "../../core/data";
import { suggestionOf, unanswered, writeSuggestions, type Suggested } from "../../core/labelling";
import { counted, grouped, say } from "../../core/say";
import { isTestFixed } from "../label/fix-test";
import { pickRun } from "../report-panels";
import { readReport, taskOfRun } from "../runs";
import { saveBeforeReading } from "../task-files";
import { runSettings } from "../settings";
import { wishesOf } from "../tune/jobs";
import { sayFailure } from "./failure";
import { AdapterProcess, type StartJob } from "./process";

/** Texts that are asked about together. */
const AT_ONCE = 64;

/**
 * The command "Label with Adapter": suggestions for the examples that nobody has answered. They stand in a file of their
 * own until a person takes them, one by one, in the label editor. The test part gets none.
 */
export class SuggestionWriter {
  /** @param review Opens the label editor on an examples file, at what has a suggestion. */
  constructor(
    private readonly startJob: StartJob,
    private readonly review: (file: vscode.Uri, task: vscode.Uri) => Promise<void>,
  ) {}

  /** @param called A run or a task. */
  async command(called: unknown): Promise<void> {
    const run = await pickRun(called);
    if (run !== undefined) await this.label(run);
  }

  async label(run: string): Promise<void> {
    try {
      if (!(await saveBeforeReading())) return;
      const taskFile = await taskOfRun(run);
      const loaded = await loadTask(taskFile);
      const { examples, task, folder, files } = loaded;
      if (!isTestFixed(loaded)) {
        const fix = vscode.l10n.t("Fix the Test Part");
        const why = vscode.l10n.t(
          "Each run of {0} draws its test part anew, from all that is labelled by then. Fix it first: an answer that a model suggested would flatter the test.",
          task.name,
        );
        if ((await vscode.window.showInformationMessage(why, fix)) !== fix) return;
        await vscode.commands.executeCommand("plumb.fixTestPart", vscode.Uri.file(taskFile));
        if (isTestFixed(await loadTask(taskFile))) await this.label(run);
        return;
      }
      const { rows, run: facts } = await readReport(run);
      const test = new Set(rows.map(({ id }) => id));
      const open = unanswered(examples, task.kind, test);
      if (open.length === 0) {
        const message = vscode.l10n.t(
          "Every example outside the test part has an answer: there is nothing to suggest.",
        );
        void vscode.window.showInformationMessage(message);
        return;
      }
      const suggested = await this.ask(run, open, facts.id);
      if (suggested === null) return;
      for (const { path: file } of files) {
        const ids = new Set(open.filter((example) => example.file === file).map(({ id }) => id));
        await writeSuggestions(
          folder,
          file,
          suggested.filter(({ id }) => ids.has(id)),
        );
      }
      await this.sayDone(suggested.length, open[0]!.file, taskFile);
    } catch (error) {
      await sayFailure(error);
    }
  }

  /** Null where the user stopped it. */
  private async ask(
    run: string,
    open: readonly LoadedExample[],
    runId: string,
  ): Promise<readonly Suggested[] | null> {
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: vscode.l10n.t("Label with the adapter"),
      cancellable: true,
    };
    return vscode.window.withProgress(options, async (progress, cancel) => {
      const adapter = new AdapterProcess(this.startJob, run, wishesOf(runSettings(vscode.Uri.file(run))));
      const cancelled = cancel.onCancellationRequested(() => adapter.close());
      try {
        const answers = await adapter.opened;
        const found: Suggested[] = [];
        for (let at = 0; at < open.length; at += AT_ONCE) {
          const some = open.slice(at, at + AT_ONCE);
          const rows = await adapter.predict(some.map(({ text }) => text));
          found.push(...some.map((example, place) => suggestionOf(example, rows[place]!, answers, runId)));
          const message = vscode.l10n.t("{0} of {1}", grouped(found.length), grouped(open.length));
          progress.report({ increment: (100 * some.length) / open.length, message });
        }
        return found;
      } catch (error) {
        if (cancel.isCancellationRequested) return null;
        throw error;
      } finally {
        cancelled.dispose();
        adapter.close();
      }
    });
  }

  private async sayDone(count: number, file: string, taskFile: string): Promise<void> {
    const review = vscode.l10n.t("Review");
    const message = say`${counted(count, "suggestion", "suggestions")} for ${path.basename(file)}; texts of the test part get none. A suggestion is no answer until you take it.`;
    if ((await vscode.window.showInformationMessage(message, review)) !== review) return;
    await this.review(vscode.Uri.file(file), vscode.Uri.file(taskFile));
  }
}
