import { randomBytes } from "node:crypto";
import path from "node:path";
import * as vscode from "vscode";
import { ImportThread } from "../../core/import/thread";
import { spokenLanguage } from "../../core/say";
import { labelPage } from "../label/page";
import { NewTaskSession } from "./session";

/** Endings of files that texts come in. */
const ENDINGS = ["csv", "tsv", "tab", "txt", "json", "jsonl", "ndjson", "xlsx", "xlsm", "parquet"];
const UNINTERESTING = "**/{node_modules,.plumb,.git}/**";
const MOST_OFFERED = 200;

/** **Plumb: New Task…**: a page for each file that a task is made of. */
export class NewTasks implements vscode.Disposable {
  private readonly open = new Map<string, vscode.WebviewPanel>();

  /**
   * @param pages Folder of the panels' browser code.
   * @param thread dist/import-thread.js.
   */
  constructor(
    private readonly pages: vscode.Uri,
    private readonly thread: string,
  ) {}

  dispose(): void {
    for (const panel of [...this.open.values()]) panel.dispose();
  }

  /** The command: a task of the file it was called on, or of one that the user picks. */
  async newTaskCommand(called: unknown): Promise<void> {
    const source = called instanceof vscode.Uri ? called : await pickSource();
    if (source === undefined) return;
    if (source.scheme !== "file") {
      void vscode.window.showErrorMessage(
        vscode.l10n.t("{0} is not on disk. Save it to a folder first.", source.toString(true)),
      );
      return;
    }
    this.show(source.fsPath);
  }

  private show(file: string): void {
    const shown = this.open.get(file);
    if (shown !== undefined) {
      shown.reveal();
      return;
    }
    const name = path.basename(file);
    const panel = vscode.window.createWebviewPanel(
      "plumb.newTask",
      vscode.l10n.t("New task: {0}", name),
      vscode.ViewColumn.Active,
      { enableScripts: true, localResourceRoots: [this.pages] },
    );
    this.open.set(file, panel);
    const session = new NewTaskSession(file, panel, new ImportThread(this.thread), {
      made: (task) => {
        // The label editor takes the page's place.
        panel.dispose();
        void vscode.commands.executeCommand("plumb.labelExamples", task);
      },
      otherFile: () => {
        panel.dispose();
        void this.newTaskCommand(undefined);
      },
    });
    panel.onDidDispose(() => {
      this.open.delete(file);
      session.dispose();
    });
    const { webview } = panel;
    const page = (part: string) => webview.asWebviewUri(vscode.Uri.joinPath(this.pages, part)).toString();
    webview.html = labelPage({
      script: page("new-task.js"),
      style: page("new-task.css"),
      source: webview.cspSource,
      nonce: randomBytes(16).toString("hex"),
      language: spokenLanguage(),
      title: name,
    });
  }
}

/** A file that is there, or one that is to be picked: `folder` says of what kind. */
type Source = vscode.QuickPickItem & ({ uri: vscode.Uri } | { folder: boolean });

/** A file or folder of texts: one of the workspace, or any other. */
async function pickSource(): Promise<vscode.Uri | undefined> {
  const found = await vscode.workspace.findFiles(`**/*.{${ENDINGS.join(",")}}`, UNINTERESTING, MOST_OFFERED);
  const names = found
    .map((uri) => ({ uri, label: vscode.workspace.asRelativePath(uri) }))
    // Task files, and the settings of programs, are JSON too.
    .filter(({ label }) => !/\.(plumb|suite)\.json$|(^|[\\/])(\.|package)[^\\/]*$/.test(label))
    .sort((a, b) => a.label.localeCompare(b.label));
  const file: Source = { label: `$(folder-opened) ${vscode.l10n.t("A file …")}`, folder: false };
  const folder: Source = {
    label: `$(folder) ${vscode.l10n.t("A folder with a text in each file …")}`,
    folder: true,
  };
  const picked = await vscode.window.showQuickPick<Source>([...names, file, folder], {
    placeHolder: vscode.l10n.t("Which texts?"),
  });
  if (picked === undefined) return undefined;
  if ("uri" in picked) return picked.uri;
  const chosen = await vscode.window.showOpenDialog({
    title: vscode.l10n.t("Texts for a new task"),
    canSelectFiles: !picked.folder,
    canSelectFolders: picked.folder,
    ...(picked.folder ? {} : { filters: { [vscode.l10n.t("Texts")]: ENDINGS } }),
  });
  return chosen?.[0];
}
