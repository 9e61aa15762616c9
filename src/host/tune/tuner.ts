import path from "node:path";
import * as vscode from "vscode";
import { readTask } from "../../core/data";
import { listModels } from "../../core/model/cache";
import { deleteRun } from "../../core/runs/delete";
import { readHistory } from "../../core/runs/history";
import type { FromWorker } from "../../core/tuning/protocol";
import { startJob } from "../../core/tuning/worker-process";
import { say } from "../../core/say";
import { sentenceOf } from "../../core/system-error";
import type { FromTune, TuneAction } from "../../protocol";
import type { LabelEditors } from "../label/editors";
import { Figures } from "../locale";
import { runSettings } from "../settings";
import { pickTask, saveBeforeReading, taskOf, unsavedFiles } from "../task-files";
import { Desk, isWithin, type RunEnd } from "./desk";
import { explain } from "./explain";
import { showNotification } from "./notification";
import { TunePage } from "./pages";
import { openPlace } from "./places";
import { RunQueue } from "./queue";
import type { RunningTasks } from "./running-tasks";
import { StatusBar } from "./status-bar";

/** Milliseconds from a change of a task's files to a look at it. */
const SETTLED = 300;

/** What the tuner has done by others. */
export interface TunerTools {
  readonly showReport: (run: string) => Promise<void>;
  readonly showExample: LabelEditors["showExample"];
  /** The user has decided about a run that did not end: it is not offered again. */
  readonly decided: (run: string) => void;
  /** Kept up to date. */
  readonly running: RunningTasks;
}

/** Runs of tasks in worker processes, one at a time: each with a page, a notification and its place in the status bar. */
export class Tuner implements vscode.Disposable {
  private readonly log = vscode.window.createOutputChannel("Plumb", { log: true });
  private readonly figures = new Figures();
  private readonly bar = new StatusBar(this.figures);
  /** By task file. */
  private readonly desks = new Map<string, Desk>();
  private readonly pages = new Map<Desk, TunePage>();
  private readonly queue = new RunQueue<Desk>();
  private readonly moved = new vscode.EventEmitter<void>();
  private readonly subscriptions: vscode.Disposable[];
  private readonly looks = new Map<Desk, NodeJS.Timeout>();

  /**
   * @param scripts Folder of the panels' browser code.
   * @param worker dist/worker.js.
   */
  constructor(
    private readonly scripts: vscode.Uri,
    private readonly worker: string,
    private readonly tools: TunerTools,
  ) {
    this.subscriptions = [
      vscode.workspace.onDidSaveTextDocument(({ fileName }) => this.filesChanged(fileName)),
      vscode.workspace.onDidRenameFiles(({ files }) => {
        for (const { oldUri, newUri } of files) this.renamed(oldUri.fsPath, newUri.fsPath);
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("plumb")) this.lookAgain(() => true);
      }),
    ];
  }

  /** Workers do not outlive the editor: they save what there is, and end. */
  dispose(): void {
    for (const timer of this.looks.values()) clearTimeout(timer);
    for (const desk of this.desks.values()) desk.dispose();
    for (const one of [...this.subscriptions, this.bar, this.moved, this.log]) one.dispose();
  }

  /** The command: the plan of the task's next run, or the run that is under way. */
  async tuneCommand(called: unknown): Promise<void> {
    const task = await pickTask(called);
    if (task === undefined) return;
    const desk = this.deskOf(task);
    this.show(desk);
    if (desk.busy) {
      const name = desk.name;
      void vscode.window.showInformationMessage(
        vscode.l10n.t("{0} is being tuned already; a task has one run at a time. This is its page.", name),
      );
      return;
    }
    await this.look(desk);
  }

  /** The command: the page of the run under way. */
  showCommand(called: unknown): void {
    const desk = this.meant(called);
    if (desk !== undefined) this.show(desk);
  }

  /** The command: ends the run under way with the best that it has. */
  keepCommand(called: unknown): void {
    this.meant(called)?.keep();
  }

  /** The command: ends the run under way without a result. */
  cancelCommand(called: unknown): void {
    this.meant(called)?.cancel();
  }

  /** Goes on with a run that did not end. */
  async resume(task: vscode.Uri, folder: string): Promise<void> {
    const desk = this.deskOf(task);
    this.show(desk);
    if (desk.busy || !(await this.save(desk))) return;
    await this.follow(desk, desk.resume(folder));
  }

  showLog(): void {
    this.log.show();
  }

  /** Models have come or gone. */
  modelsChanged(): void {
    this.lookAgain(() => true);
  }

  private async look(desk: Desk): Promise<void> {
    if (await this.save(desk)) await desk.look();
  }

  /** Saves what a run reads; the page says what could not be. */
  private async save(desk: Desk): Promise<boolean> {
    if (await saveBeforeReading()) return true;
    const names = unsavedFiles().map(({ fileName }) => path.basename(fileName));
    const message = vscode.l10n.t(
      "Not saved: {0}. A run reads files from the disk: save them, then plan anew.",
      names.join(", "),
    );
    desk.hold({ message, tries: [], actions: ["again"] });
    return false;
  }

  private meant(called: unknown): Desk | undefined {
    const file = taskOf(called)?.fsPath;
    return file === undefined ? this.busy()[0] : this.desks.get(file);
  }

  private busy(): Desk[] {
    // The one that works stands first: the others wait for it.
    return [...this.desks.values()]
      .filter((desk) => desk.busy)
      .sort((a, b) => Number(a.view().stage === "queued") - Number(b.view().stage === "queued"));
  }

  private deskOf(task: vscode.Uri): Desk {
    const known = this.desks.get(task.fsPath);
    if (known !== undefined) return known;
    const desk: Desk = new Desk(
      task.fsPath,
      {
        start: (job, listen) =>
          startJob(this.worker, job, (message) => {
            this.note(message);
            listen(message);
          }),
        settings: () => runSettings(task),
        readTask: async (file) => (await readTask(file)).task,
        models: async () =>
          (await listModels()).models.filter(
            ({ broken, unsupported }) => broken === null && unsupported === null,
          ),
        history: readHistory,
        explain,
        now: Date.now,
      },
      this.queue,
      () => this.refresh(desk),
    );
    this.desks.set(task.fsPath, desk);
    return desk;
  }

  private show(desk: Desk): void {
    const open = this.pages.get(desk);
    if (open !== undefined) {
      open.reveal();
      return;
    }
    const page = new TunePage(
      this.scripts,
      desk,
      (message) => void this.take(desk, message),
      () => this.pages.delete(desk),
    );
    this.pages.set(desk, page);
  }

  private refresh(desk: Desk): void {
    this.pages.get(desk)?.refresh();
    const busy = this.busy();
    this.bar.show(busy);
    this.moved.fire();
    this.tools.running.set(busy.map(({ file }) => file));
  }

  private async take(desk: Desk, message: Exclude<FromTune, { type: "ready" }>): Promise<void> {
    switch (message.type) {
      case "choose":
        await desk.choose(message.choices);
        return;
      case "open":
        await openPlace(message, vscode.Uri.file(desk.file), this.tools.showExample);
        return;
      case "act":
        await this.act(desk, message.action);
    }
  }

  private async act(desk: Desk, action: TuneAction): Promise<void> {
    const task = vscode.Uri.file(desk.file);
    const run = (command: string, ...given: unknown[]) => vscode.commands.executeCommand(command, ...given);
    switch (action) {
      case "tune":
        if (await this.save(desk)) await this.follow(desk, desk.tune());
        return;
      case "less-memory":
        await this.follow(desk, desk.tuneInLess());
        return;
      case "resume":
        if (desk.folder !== null) await this.follow(desk, desk.resume(desk.folder));
        return;
      case "keep":
        desk.keep();
        return;
      case "cancel":
        desk.cancel();
        return;
      case "again":
        await this.look(desk);
        return;
      case "check":
        await run("plumb.checkTask", task);
        return;
      case "label":
        await run("plumb.labelExamples", task);
        return;
      case "task":
        await vscode.window.showTextDocument(task);
        return;
      case "get-model":
        await run("plumb.getModel");
        await desk.look();
        return;
      case "models":
        await run("plumb.models.focus");
        return;
      case "report":
        if (desk.folder !== null) await this.tools.showReport(desk.folder);
        return;
      case "delete":
        if (desk.folder !== null) await this.delete(desk, desk.folder);
        return;
      case "log":
        this.log.show();
        return;
      case "settings":
        await run("workbench.action.openSettings", "plumb.");
    }
  }

  private async delete(desk: Desk, folder: string): Promise<void> {
    try {
      await deleteRun(folder);
    } catch (error) {
      void vscode.window.showErrorMessage(sentenceOf(error));
      return;
    }
    desk.folder = null;
    await desk.look();
  }

  /** Shows a run's progress beside its page, and says what came of it. */
  private async follow(desk: Desk, ended: Promise<RunEnd | null>): Promise<void> {
    void showNotification(desk, ended, this.moved.event, this.figures);
    const end = await ended;
    if (end !== null) await this.tell(desk, end);
  }

  private async tell(desk: Desk, end: RunEnd): Promise<void> {
    switch (end.kind) {
      case "done": {
        // Whoever labels on meanwhile is not to be taken out of it.
        if (this.pages.get(desk)?.active === true) await this.tools.showReport(end.folder);
        else await this.offer(desk, this.doneLine(desk), ["report"]);
        return;
      }
      case "cancelled":
        if (end.folder === null) {
          void vscode.window.showInformationMessage(
            vscode.l10n.t("{0}: cancelled before the first step; nothing was written.", desk.name),
          );
          return;
        }
        this.tools.decided(end.folder);
        this.log.info(say`Cancelled after step ${end.step}: ${end.folder}`);
        await this.offer(
          desk,
          vscode.l10n.t(
            "{0}: cancelled after step {1}. Nothing was tested; what it had learned is saved.",
            desk.name,
            end.step,
          ),
          ["resume", "delete"],
        );
        return;
      case "failed":
        this.log.error([end.trouble.message, ...end.trouble.tries].join(" "));
        await this.offer(desk, `${desk.name}: ${end.trouble.message}`, end.trouble.actions, true);
    }
  }

  private doneLine(desk: Desk): string {
    const { result } = desk.view();
    if (result === null) return vscode.l10n.t("{0} is tuned.", desk.name);
    const { score, low, high } = result;
    const figure = (value: number | null) => (value === null ? "–" : this.figures.score(value));
    return vscode.l10n.t(
      "{0} is tuned: {1} on the test part, between {2} and {3}.",
      desk.name,
      figure(score),
      figure(low),
      figure(high),
    );
  }

  private async offer(
    desk: Desk,
    message: string,
    actions: readonly TuneAction[],
    error = false,
  ): Promise<void> {
    const names = new Map(actions.map((action) => [actionName(action), action]));
    const buttons = [...names.keys()].slice(0, 3);
    const answer = error
      ? await vscode.window.showErrorMessage(message, ...buttons)
      : await vscode.window.showInformationMessage(message, ...buttons);
    const action = answer === undefined ? undefined : names.get(answer);
    if (action !== undefined) await this.act(desk, action);
  }

  /** A task keeps its page, and the run under way, under its new name. */
  private renamed(from: string, to: string): void {
    for (const [file, desk] of [...this.desks]) {
      if (!isWithin(file, from)) continue;
      this.desks.delete(file);
      desk.moved(from, to);
      this.desks.set(desk.file, desk);
    }
  }

  private filesChanged(file: string): void {
    if (!/\.(plumb\.json|jsonl)$/.test(file)) return;
    this.lookAgain((desk) => path.dirname(desk.file) === path.dirname(file));
  }

  /** Plans anew what is planned on an open page. */
  private lookAgain(meant: (desk: Desk) => boolean): void {
    for (const desk of this.pages.keys()) {
      if (!meant(desk) || !["planning", "ready", "refused"].includes(desk.view().stage)) continue;
      clearTimeout(this.looks.get(desk));
      this.looks.set(
        desk,
        setTimeout(() => void desk.look(), SETTLED),
      );
    }
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
        this.log.info(say`Base model: ${message.name} (${message.path})`);
        return;
      case "started":
        this.log.info(`Run: ${message.folder}`);
        return;
      case "progress":
        this.log.debug(`${message.title} ${message.done}/${message.total}`);
        return;
      default:
        return;
    }
  }
}

function actionName(action: TuneAction): string {
  switch (action) {
    case "tune":
    case "again":
      return vscode.l10n.t("Plan Anew");
    case "keep":
      return vscode.l10n.t("Stop and Keep the Best So Far");
    case "cancel":
      return vscode.l10n.t("Cancel");
    case "resume":
      return vscode.l10n.t("Resume");
    case "less-memory":
      return vscode.l10n.t("Start with Less Memory");
    case "check":
      return vscode.l10n.t("Check Task");
    case "label":
      return vscode.l10n.t("Label Examples");
    case "task":
      return vscode.l10n.t("Open the Task");
    case "get-model":
      return vscode.l10n.t("Get Base Model");
    case "models":
      return vscode.l10n.t("Base Models");
    case "report":
      return vscode.l10n.t("Open Report");
    case "delete":
      return vscode.l10n.t("Delete Run");
    case "log":
      return vscode.l10n.t("Show Log");
    case "settings":
      return vscode.l10n.t("Settings");
  }
}
