import path from "node:path";
import * as vscode from "vscode";
import { PlumbError } from "../../core/errors";
import { inspect, type Inspection } from "../../core/import";
import { predictFile, type PredictedFile } from "../../core/predict";
import { counted, grouped, say } from "../../core/say";
import { pickRun } from "../report-panels";
import { runSettings } from "../settings";
import { wishesOf } from "../tune/jobs";
import { sayFailure } from "./failure";
import { AdapterProcess, type StartJob } from "./process";

/** What can be read as a table of texts. */
const READABLE = ["csv", "tsv", "tab", "txt", "json", "jsonl", "ndjson", "xlsx", "xlsm", "parquet"];

/** The command "Predict File": a file of texts, and beside it a table with the answers of an adapter. */
export class FilePredictor {
  constructor(private readonly startJob: StartJob) {}

  /** @param called A file of texts, a run or a task. */
  async command(called: unknown): Promise<void> {
    const texts = called instanceof vscode.Uri && isTexts(called) ? called : undefined;
    const run = await pickRun(texts === undefined ? called : undefined);
    if (run !== undefined) await this.predict(run, texts);
  }

  /** @param file Of texts; asked for where it is not given. */
  async predict(run: string, file?: vscode.Uri): Promise<void> {
    const texts = file ?? (await pickFile());
    if (texts === undefined) return;
    const name = path.basename(texts.fsPath);
    try {
      const inspection = await this.withProgress(vscode.l10n.t("Reading {0}", name), (signal) =>
        inspect(texts.fsPath, {}, { signal }),
      );
      const column = await pickColumn(inspection);
      if (column === undefined) return;
      const title = vscode.l10n.t("Predicting {0}", name);
      const done = await this.withProgress(title, (signal, report) =>
        this.write(run, inspection, column, signal, report),
      );
      await this.sayDone(done);
    } catch (error) {
      if (error instanceof PlumbError && error.code === "interrupted") return;
      await sayFailure(error);
    }
  }

  private async write(
    run: string,
    { file, columns, rows, encoding, delimiter, format, header, sheet, tool }: Inspection,
    column: string,
    signal: AbortSignal,
    report: (share: number, done: number, all: number) => void,
  ): Promise<PredictedFile> {
    const adapter = new AdapterProcess(this.startJob, run, wishesOf(runSettings(vscode.Uri.file(run))));
    const stop = () => adapter.close();
    signal.addEventListener("abort", stop);
    try {
      return await predictFile({
        ...{ file, column, signal },
        columns: columns.map(({ name }) => name),
        choices: {
          ...{ format, tool },
          ...(encoding === null ? {} : { encoding }),
          ...(delimiter === null ? {} : { delimiter }),
          ...(header === null ? {} : { header }),
          ...(sheet === null ? {} : { sheet }),
        },
        answers: await adapter.opened,
        predict: (texts) => adapter.predict(texts),
        onProgress: (done) => report(done / Math.max(1, rows), done, rows),
      });
    } catch (error) {
      // A worker that was ended because the user stopped says nothing that they do not know.
      if (signal.aborted) throw new PlumbError("interrupted", "Stopped.", { cause: error });
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      adapter.close();
    }
  }

  private async sayDone({ file, rows, empty, unread }: PredictedFile): Promise<void> {
    const parts = [
      say`${path.basename(file)}: ${counted(rows, "row", "rows")} with what the adapter says.`,
      ...(empty > 0 ? [say`Without a text: ${counted(empty, "row", "rows")}.`] : []),
      ...(unread > 0
        ? [say`Not in it, since they could not be read: ${counted(unread, "row", "rows")}.`]
        : []),
    ];
    const open = vscode.l10n.t("Open");
    if ((await vscode.window.showInformationMessage(parts.join(" "), open)) !== open) return;
    await vscode.commands.executeCommand("vscode.open", vscode.Uri.file(file));
  }

  private async withProgress<T>(
    title: string,
    work: (signal: AbortSignal, report: (share: number, done: number, all: number) => void) => Promise<T>,
  ): Promise<T> {
    const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true };
    return vscode.window.withProgress(options, async (progress, cancel) => {
      const controller = new AbortController();
      cancel.onCancellationRequested(() => controller.abort());
      let shown = 0;
      return work(controller.signal, (share, done, all) => {
        const message = vscode.l10n.t("{0} of {1}", grouped(done), grouped(all));
        progress.report({ increment: 100 * (share - shown), message });
        shown = share;
      });
    });
  }
}

const isTexts = (uri: vscode.Uri): boolean =>
  READABLE.includes(path.extname(uri.path).slice(1).toLowerCase()) && !uri.path.endsWith(".plumb.json");

async function pickFile(): Promise<vscode.Uri | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const picked = await vscode.window.showOpenDialog({
    title: vscode.l10n.t("Predict a file of texts"),
    filters: { [vscode.l10n.t("Texts")]: READABLE },
    openLabel: vscode.l10n.t("Predict"),
    ...(folder === undefined ? {} : { defaultUri: folder }),
  });
  return picked?.[0];
}

/** The column of the texts: the only one, or the one that the user picks, the likeliest on top. */
async function pickColumn({ columns, guess, file }: Inspection): Promise<string | undefined> {
  const filled = columns.filter((column) => column.filled > 0);
  if (filled.length === 0) {
    const name = path.basename(file);
    throw new PlumbError("no-text", vscode.l10n.t("{0} has no column with anything in it.", name));
  }
  if (filled.length === 1) return filled[0]!.name;
  const items = filled
    .map(({ name, samples }) => ({
      label: name,
      description: name === guess?.text ? vscode.l10n.t("most likely") : "",
      detail: samples[0] ?? "",
    }))
    .sort((a, b) => Number(b.label === guess?.text) - Number(a.label === guess?.text));
  const placeHolder = vscode.l10n.t("Which column holds the texts?");
  return (await vscode.window.showQuickPick(items, { placeHolder }))?.label;
}
