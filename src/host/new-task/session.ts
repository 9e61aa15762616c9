import path from "node:path";
import * as vscode from "vscode";
import { PlumbError } from "../../core/errors";
import type { ImportProgress, ReadChoices } from "../../core/import";
import { draftOf, newTaskOf, withReading, type TaskDraft } from "../../core/import/draft";
import type { ImportThread } from "../../core/import/thread";
import { spokenLanguage } from "../../core/say";
import { sentenceOf } from "../../core/system-error";
import type { ToNewTask } from "../../new-task-protocol";
import { runSettings } from "../settings";
import { concernsRows, edited, readAgain } from "./edits";
import { NewTaskMessage } from "./messages";
import { readingOf, viewOf, type Beside } from "./present";
import { newTaskWords } from "./words";

/** Quiet after the last choice before the rows are gone through again, in milliseconds. */
const QUIET = 250;
const TEST_SHARE = 0.2;

export interface SessionHooks {
  /** The task file is there. */
  made(task: vscode.Uri): void;
  otherFile(): void;
}

/** One page on which a task is made of a file. The draft is here; the page shows it and says what the person chose. */
export class NewTaskSession implements vscode.Disposable {
  private draft: TaskDraft | null = null;
  private read: ReadChoices = {};
  private beside: Beside = { survey: null, models: null };
  private ready = false;
  /** What the page is told last, so that it can be told again where it is made anew. */
  private last: ToNewTask | null = null;
  /** What is read, or written. */
  private work: AbortController | null = null;
  /** Goes through the rows for the draft as it is. */
  private surveying: AbortController | null = null;
  private timer: NodeJS.Timeout | undefined;
  private readonly heard: vscode.Disposable;

  constructor(
    private readonly file: string,
    private readonly panel: vscode.WebviewPanel,
    private readonly thread: ImportThread,
    private readonly hooks: SessionHooks,
  ) {
    this.heard = panel.webview.onDidReceiveMessage((raw: unknown) => {
      const message = NewTaskMessage.safeParse(raw);
      if (message.success) void this.take(message.data);
    });
    void this.inspect();
    void this.findModels();
  }

  dispose(): void {
    this.ready = false;
    clearTimeout(this.timer);
    this.work?.abort();
    this.surveying?.abort();
    this.heard.dispose();
    this.thread.close();
  }

  private async take(message: NewTaskMessage): Promise<void> {
    switch (message.type) {
      case "ready":
        this.ready = true;
        this.post({
          type: "opened",
          file: path.basename(this.file),
          words: newTaskWords(),
          locale: spokenLanguage(),
        });
        if (this.last !== null) this.post(this.last);
        return;
      case "read":
        this.read = readAgain(this.read, message.change);
        return this.inspect();
      case "stop":
        this.work?.abort();
        return;
      case "other-file":
        this.hooks.otherFile();
        return;
      case "open-line":
        return this.openLine(message.line);
    }
    const { draft } = this;
    if (draft === null) return;
    if (message.type === "create") return this.create(draft, message.anyway);
    if (message.type === "model-file") return this.pickModel();
    const next = edited(draft, message);
    if (next === null) return;
    this.draft = next;
    if (concernsRows(message)) this.surveySoon();
    this.show();
  }

  /** Reads the file as it is to be read. */
  private async inspect(): Promise<void> {
    this.surveying?.abort();
    this.beside = { ...this.beside, survey: null };
    const read = this.read;
    await this.doWork(
      async (signal, onProgress) => {
        const { found, free } = await this.thread.ask(
          "inspect",
          { file: this.file, read },
          { signal, onProgress },
        );
        const given = { instruction: "", baseModel: null, testShare: TEST_SHARE, out: free };
        this.draft =
          this.draft === null
            ? draftOf(found, read, { ...given, name: path.basename(free) })
            : withReading(this.draft, found, read);
        this.show();
        this.survey();
      },
      (message) => {
        this.post({ type: "unreadable", message, reading: readingOf(this.draft?.found ?? null, read) });
      },
    );
  }

  private async findModels(): Promise<void> {
    const base = runSettings(vscode.Uri.file(this.file)).baseModel.trim() || null;
    const models = await this.thread.ask("models", { base }).catch(() => null);
    this.beside = { ...this.beside, models };
    if (this.last?.type === "shown") this.show();
  }

  private surveySoon(): void {
    this.surveying?.abort();
    this.beside = { ...this.beside, survey: null };
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.survey(), QUIET);
  }

  /** Goes through all rows: how many texts they are, and which of them cannot be taken as they are. */
  private survey(): void {
    const task = this.draft === null ? null : newTaskOf(this.draft);
    if (task === null) return;
    this.surveying?.abort();
    const stop = new AbortController();
    this.surveying = stop;
    this.thread.ask("survey", { file: this.file, task }, { signal: stop.signal }).then(
      (survey) => {
        if (this.surveying !== stop || stop.signal.aborted) return;
        this.beside = { ...this.beside, survey };
        if (this.last?.type === "shown") this.show();
      },
      // What is wrong with the choices is said when a task is to be made of them.
      () => undefined,
    );
  }

  private async create(draft: TaskDraft, anyway: boolean): Promise<void> {
    const task = newTaskOf(draft);
    if (task === null || this.work !== null) return;
    const { survey } = this.beside;
    const seen = anyway ? Number.MAX_SAFE_INTEGER : (survey ?? draft.found).problemCount;
    await this.doWork(
      async (signal, onProgress) => {
        const result = await this.thread.ask(
          "write",
          { file: this.file, task, seen },
          { signal, onProgress },
        );
        if (result.written) {
          this.hooks.made(vscode.Uri.file(result.taskFile));
          return;
        }
        const { problems, problemCount } = result;
        const counts = survey ?? { examples: draft.found.rows, answered: 0 };
        this.beside = { ...this.beside, survey: { ...counts, problems, problemCount } };
        this.show();
        this.post({ type: "unseen" });
      },
      (message) => {
        this.show();
        this.post({ type: "refused", message });
      },
    );
  }

  /** One piece of work at a time, with its progress on the page. */
  private async doWork(
    work: (signal: AbortSignal, onProgress: (progress: ImportProgress) => void) => Promise<void>,
    failed: (message: string) => void,
  ): Promise<void> {
    this.work?.abort();
    const stop = new AbortController();
    this.work = stop;
    const over = () => this.work !== stop;
    const onProgress = ({ phase, done, total, rows }: ImportProgress) => {
      if (!over())
        this.post({ type: "progress", progress: { phase, share: total > 0 ? done / total : 0, rows } });
    };
    this.post({ type: "progress", progress: { phase: "reading", share: 0, rows: 0 } });
    try {
      await work(stop.signal, onProgress);
    } catch (error) {
      if (over()) return;
      if (!(error instanceof PlumbError && error.code === "interrupted")) failed(this.sentence(error));
      else if (this.draft === null) this.post({ type: "stopped" });
      else this.show();
    } finally {
      if (this.work === stop) this.work = null;
    }
  }

  private async openLine(line: number): Promise<void> {
    const at = new vscode.Range(line - 1, 0, line - 1, 0);
    try {
      await vscode.window.showTextDocument(vscode.Uri.file(this.file), {
        selection: at,
        viewColumn: vscode.ViewColumn.Beside,
      });
    } catch (error) {
      this.post({ type: "refused", message: this.sentence(error) });
    }
  }

  private async pickModel(): Promise<void> {
    const [picked] =
      (await vscode.window.showOpenDialog({
        canSelectFiles: true,
        filters: { GGUF: ["gguf"] },
        title: vscode.l10n.t("Choose a base model"),
      })) ?? [];
    if (picked !== undefined && this.draft !== null) this.draft = { ...this.draft, baseModel: picked.fsPath };
    this.show();
  }

  /** An error in a sentence, the file by its name alone: its folder is on the screen already. */
  private sentence(error: unknown): string {
    const message = sentenceOf(error);
    return message.replaceAll(path.dirname(this.file) + path.sep, "");
  }

  private show(): void {
    if (this.draft !== null) this.post({ type: "shown", view: viewOf(this.draft, this.beside) });
  }

  private post(message: ToNewTask): void {
    if (message.type !== "opened" && message.type !== "refused" && message.type !== "unseen")
      this.last = message;
    if (this.ready) void this.panel.webview.postMessage(message);
  }
}
