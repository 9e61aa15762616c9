import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import { spokenLanguage } from "../../core/say";
import type { FromTune, ToTune } from "../../protocol";
import { labelPage } from "../label/page";
import type { Desk } from "./desk";
import { TuneMessage } from "./messages";
import { tuneWords } from "./words";

/** Milliseconds between two pictures of a run. */
const EVERY = 200;

/** The page of a desk: the plan of the next run, the run as it goes, how it ended. */
export class TunePage implements vscode.Disposable {
  private readonly panel: vscode.WebviewPanel;
  private ready = false;
  private due: NodeJS.Timeout | null = null;

  /** @param pages Folder of the panels' browser code. */
  constructor(
    pages: vscode.Uri,
    private readonly desk: Desk,
    take: (message: Exclude<FromTune, { type: "ready" }>) => void,
    closed: () => void,
  ) {
    const title = vscode.l10n.t("Tune: {0}", desk.name);
    this.panel = vscode.window.createWebviewPanel("plumb.tune", title, vscode.ViewColumn.Active, {
      enableScripts: true,
      localResourceRoots: [pages],
    });
    const { webview } = this.panel;
    this.panel.onDidDispose(() => {
      this.dispose();
      closed();
    });
    webview.onDidReceiveMessage((raw: unknown) => {
      const message = TuneMessage.safeParse(raw).data;
      if (message?.type === "ready") this.open();
      else if (message !== undefined) take(message);
    });
    // A page that is hidden is thrown away, and says ready again when it is seen.
    this.panel.onDidChangeViewState(() => {
      if (!this.panel.visible) this.ready = false;
    });
    const file = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(pages, name)).toString();
    webview.html = labelPage({
      script: file("tune.js"),
      style: file("tune.css"),
      source: webview.cspSource,
      nonce: randomBytes(16).toString("hex"),
      language: spokenLanguage(),
      title,
    });
  }

  /** Whether the user looks at it. */
  get active(): boolean {
    return this.panel.active;
  }

  dispose(): void {
    if (this.due !== null) clearTimeout(this.due);
    this.due = null;
    this.ready = false;
  }

  close(): void {
    this.panel.dispose();
  }

  reveal(): void {
    this.panel.reveal();
  }

  /** Shows the desk as it is now, or in a moment where it was shown just now. */
  refresh(): void {
    if (!this.ready || this.due !== null) return;
    this.due = setTimeout(() => {
      this.due = null;
      this.show();
    }, EVERY);
  }

  private open(): void {
    this.ready = true;
    this.post({ type: "opened", words: tuneWords(), locale: spokenLanguage() });
    this.show();
  }

  private show(): void {
    if (!this.ready) return;
    this.panel.title = vscode.l10n.t("Tune: {0}", this.desk.name);
    this.post({ type: "view", view: this.desk.view() });
  }

  private post(message: ToTune): void {
    void this.panel.webview.postMessage(message);
  }
}
