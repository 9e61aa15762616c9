import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import { PlumbError } from "../../core/errors";
import type { LoadedExample } from "../../core/data";
import type { JudgedTexts } from "../../core/runs/judged-texts";
import {
  renderReport,
  reportSigns,
  rowsBehind,
  thresholdsOf,
  unseenTexts,
  type Unseen,
} from "../../core/report";
import { spokenLanguage } from "../../core/say";
import type { Report, ReportRow } from "../../core/schema";
import { sentenceOf } from "../../core/system-error";
import type { FromReport, ReportCell, ReportCommand, ReportText, ToReport } from "../../protocol";
import { panelPage } from "../panel-page";
import { readPredictions } from "../runs";
import { ReportMessage } from "./messages";
import { reportWords } from "./words";

/** Texts of a list at most: nobody reads more of one cell, and all of them are in the report. */
const MOST_TEXTS = 300;

/** What panels of reports and of comparisons have in common: a page with the panel's script, and its messages, checked. */
export function openPanel(
  title: string,
  pages: vscode.Uri,
  take: (message: FromReport) => void,
): { panel: vscode.WebviewPanel; show: (html: string) => void; post: (message: ToReport) => void } {
  const panel = vscode.window.createWebviewPanel("plumb.report", title, vscode.ViewColumn.Active, {
    enableScripts: true,
    enableFindWidget: true,
    localResourceRoots: [pages],
    // What was typed to be tried, and moved sliders, stay while another tab is in front.
    retainContextWhenHidden: true,
  });
  const { webview } = panel;
  webview.onDidReceiveMessage((raw: unknown) => {
    const message = ReportMessage.safeParse(raw);
    if (message.success) take(message.data);
  });
  const page = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(pages, name)).toString();
  return {
    panel,
    show: (html) => {
      webview.html = panelPage(html, {
        nonce: randomBytes(16).toString("hex"),
        script: page("report.js"),
        style: page("report.css"),
        source: webview.cspSource,
      });
    },
    post: (message) => void webview.postMessage(message),
  };
}

/** What stands behind the ids that a page names. */
export interface ShownTexts {
  readonly examples: ReadonlyMap<string, LoadedExample>;
  readonly texts: JudgedTexts;
}

/** A run as its panel shows it. */
export interface ShownRun extends ShownTexts {
  readonly folder: string;
  readonly report: Report;
  readonly unseen: Unseen | null;
  /** What could not be read, in a sentence. */
  readonly notice: string | null;
}

/** Reads what a run says of texts outside its test part; without it the report still stands. */
export async function shownRun(folder: string, report: Report, shown: ShownTexts): Promise<ShownRun> {
  // What was said of another text says nothing of the one at hand.
  const judged = [...shown.examples.values()].filter(({ id }) => shown.texts.get(id) !== null);
  try {
    const unseen = unseenTexts(report, await readPredictions(folder), judged);
    return { folder, report, ...shown, unseen, notice: null };
  } catch (error) {
    if (!(error instanceof PlumbError)) throw error;
    return { folder, report, ...shown, unseen: null, notice: error.message };
  }
}

/** The page of a run, for a panel or a file. */
export function pageOfRun({ report, texts, unseen }: ShownRun): string {
  return renderReport(report, { texts, unseen, language: spokenLanguage() });
}

/** What the page of a run is told when it is there. */
export function openedMessage({ report, notice }: ShownRun, page: "report" | "comparison"): ToReport {
  return {
    type: "opened",
    page,
    words: reportWords(),
    locale: spokenLanguage(),
    kind: report.task.kind,
    labels: report.task.labels,
    signs: reportSigns(report.task),
    thresholds: thresholdsOf(report)?.map(({ value }) => value) ?? null,
    notice,
  };
}

/** The texts behind a cell. */
export function textsMessage(ask: number, cell: ReportCell, { report, texts }: ShownRun): ToReport {
  const rows = rowsBehind(report.rows, report.task.labels, cell);
  const text = ({ id, truth, predicted, probabilities }: ReportRow): ReportText => ({
    ...{ id, truth, predicted, probabilities },
    text: texts.get(id) ?? null,
    changed: texts.get(id) === null,
  });
  return {
    type: "texts",
    ask,
    rows: rows.slice(0, MOST_TEXTS).map(text),
    more: Math.max(0, rows.length - MOST_TEXTS),
  };
}

/** Writes what a panel gives out: to the clipboard, or to a file that the user names. */
export async function giveOut(message: Extract<FromReport, { type: "copy" | "save" }>): Promise<void> {
  if (message.type === "copy") {
    await vscode.env.clipboard.writeText(message.text);
    return;
  }
  const { format, content } = message;
  const name = `${message.name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/gu, "") || "picture"}.${format}`;
  const bytes = Buffer.from(content, format === "png" ? "base64" : "utf8");
  const file = await saveAs(name, bytes, { [format.toUpperCase()]: [format] });
  if (file !== undefined)
    void vscode.window.showInformationMessage(vscode.l10n.t("Written: {0}", file.fsPath));
}

/**
 * Asks where to, and writes.
 * @param name Proposed, in the first folder of the workspace.
 * @returns The file, or undefined where the user thought better of it.
 */
export async function saveAs(
  name: string,
  bytes: Uint8Array,
  filters: Record<string, string[]>,
  folder = vscode.workspace.workspaceFolders?.[0]?.uri,
): Promise<vscode.Uri | undefined> {
  const file = await vscode.window.showSaveDialog({
    filters,
    ...(folder === undefined ? {} : { defaultUri: vscode.Uri.joinPath(folder, name) }),
  });
  if (file === undefined) return undefined;
  try {
    await vscode.workspace.fs.writeFile(file, bytes);
    return file;
  } catch (error) {
    const reason = sentenceOf(error);
    await vscode.window.showErrorMessage(vscode.l10n.t("Cannot write {0}: {1}", file.fsPath, reason));
    return undefined;
  }
}

/** Says where a page was written to. */
export async function sayExported(file: vscode.Uri): Promise<void> {
  const open = vscode.l10n.t("Open in Browser");
  const said = vscode.l10n.t("Written: {0}. The page holds the texts that it shows.", file.fsPath);
  const answer = await vscode.window.showInformationMessage(said, open);
  if (answer === open) await vscode.env.openExternal(file);
}

/** What a panel's button does, given the run that it shows. */
export type ReportCommands = Readonly<Record<ReportCommand, (run: ShownRun) => Promise<void>>>;
