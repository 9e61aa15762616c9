import path from "node:path";
import * as vscode from "vscode";
import type { FromWorker, Job } from "../core/tuning/protocol";
import { startJob, type JobEnd, type RunningJob } from "../core/tuning/worker-process";
import { ProgressBar, progressLine } from "./progress-text";
import { pickTask, saveBeforeReading } from "./task-files";

/** What the user decided after a run that did not finish. */
type Next = "resume" | "check" | "log" | undefined;

/** Tunes tasks in worker processes, with a progress notification for each; one run of a task at a time. */
export class Tuner implements vscode.Disposable {
  private readonly log = vscode.window.createOutputChannel("Plumb", { log: true });
  /** Task file → its run. */
  private readonly running = new Map<string, RunningJob>();

  constructor(
    private readonly worker: string,
    private readonly showReport: (run: string) => Promise<void>,
  ) {}

  /** Workers do not outlive the editor: what they saved last stays. */
  dispose(): void {
    for (const job of this.running.values()) job.kill();
    this.log.dispose();
  }

  async tuneCommand(called: unknown): Promise<void> {
    const task = await pickTask(called);
    if (task === undefined || !(await saveBeforeReading())) return;
    await this.run(task, { type: "tune", task: task.fsPath, options: {}, engine: {} });
  }

  /** Runs a job to its end, and again as long as the user wants to resume it. */
  private async run(task: vscode.Uri, job: Job): Promise<void> {
    const name = path.basename(task.fsPath, ".plumb.json");
    if (this.running.has(task.fsPath)) {
      void vscode.window.showInformationMessage(vscode.l10n.t("{0} is being tuned already.", name));
      return;
    }
    let folder: string | null = job.type === "resume" ? job.run : null;
    let next: Next;
    try {
      const end = await this.follow(task, name, job, (message) => {
        if (message.type === "started") folder = message.folder;
      });
      if (end.kind === "done") {
        if (end.result.folder !== null) await this.showReport(end.result.folder);
        return;
      }
      next = await this.askAfterPause(name, end);
    } catch (error) {
      next = await this.askAfterFailure(name, error, folder);
    }
    if (next === "log") this.log.show();
    if (next === "check") await vscode.commands.executeCommand("plumb.checkTask", task);
    if (next === "resume" && folder !== null) await this.run(task, { type: "resume", run: folder });
  }

  private async follow(
    task: vscode.Uri,
    name: string,
    job: Job,
    listen: (message: FromWorker) => void,
  ): Promise<JobEnd> {
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: name,
      cancellable: true,
    };
    return vscode.window.withProgress(options, async (progress, cancel) => {
      const bar = new ProgressBar();
      const running = startJob(this.worker, job, (message) => {
        listen(message);
        this.note(message);
        if (message.type === "forecast") progress.report({ message: message.message });
        if (message.type === "progress") {
          progress.report({ increment: bar.advance(message), message: progressLine(message) });
        }
      });
      this.running.set(task.fsPath, running);
      const cancelled = cancel.onCancellationRequested(() => {
        progress.report({ message: vscode.l10n.t("Saving …") });
        running.stop("pause");
      });
      try {
        return await running.ended;
      } finally {
        cancelled.dispose();
        this.running.delete(task.fsPath);
      }
    });
  }

  private async askAfterPause(name: string, end: Extract<JobEnd, { kind: "paused" }>): Promise<Next> {
    const resume = vscode.l10n.t("Resume");
    const message = vscode.l10n.t("{0}: stopped and saved after step {1}.", name, end.step);
    this.log.info(message);
    return (await vscode.window.showInformationMessage(message, resume)) === resume ? "resume" : undefined;
  }

  private async askAfterFailure(name: string, error: unknown, folder: string | null): Promise<Next> {
    const message = error instanceof Error ? error.message : String(error);
    this.log.error(message);
    const resume = vscode.l10n.t("Resume");
    const check = vscode.l10n.t("Check Task");
    const log = vscode.l10n.t("Show Log");
    // Nothing was begun: most often the data are not fit for it.
    const buttons = folder === null ? [check, log] : [resume, log];
    const sentence = message.split("\n", 1).join("");
    const answer = await vscode.window.showErrorMessage(`${name}: ${sentence}`, ...buttons);
    const answers: Readonly<Record<string, Next>> = { [resume]: "resume", [check]: "check", [log]: "log" };
    return answer === undefined ? undefined : answers[answer];
  }

  private note(message: FromWorker): void {
    switch (message.type) {
      case "note":
        if (message.level === "warning") this.log.warn(message.message);
        else this.log.info(message.message);
        return;
      case "forecast":
        this.log.info(message.message);
        return;
      case "model":
        this.log.info(`Base model: ${message.name} (${message.path})`);
        return;
      case "started":
        this.log.info(`Run: ${message.folder}`);
        return;
      case "progress":
        this.log.debug(progressLine(message));
        return;
      default:
        return;
    }
  }
}
