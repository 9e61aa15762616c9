import * as vscode from "vscode";
import { PlumbError } from "../../core/errors";
import { modelsFolder } from "../../core/model/cache";
import { DEFAULT_MODEL } from "../../core/model/default/model";
import { sentenceOf } from "../../core/system-error";
import { Figures } from "../locale";
import type { TuneAction, TuneTrouble } from "../../protocol";

/** What an error means to somebody who wants a run: in a sentence, with what to try and buttons that do it. */
export function explain(
  error: unknown,
  { folder, base }: { readonly folder: string | null; readonly base: string | null },
): TuneTrouble {
  const message = sentenceOf(error);
  const figures = new Figures();
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const onward: TuneAction = folder === null ? "again" : "resume";
  const safe = vscode.l10n.t("Your labels are untouched, and what the run had saved is kept.");
  const close = vscode.l10n.t("Close other programs that need much memory.");
  switch (code) {
    case "model-missing":
      if (base !== null) break;
      return {
        message: vscode.l10n.t(
          "The base model {0} is not on this machine yet: {1}, licence {2}. It will be kept in {3}.",
          DEFAULT_MODEL.title,
          figures.bytes(DEFAULT_MODEL.bytes),
          DEFAULT_MODEL.license,
          modelsFolder(),
        ),
        tries: [],
        actions: ["get-model", "models"],
      };
    case "memory": {
      const { needed, usable } = error instanceof PlumbError ? error.figures : {};
      if (needed === undefined || usable === undefined) break;
      return {
        message: vscode.l10n.t(
          "This run does not fit into memory: it needs {0} at least, and {1} may be used.",
          figures.bytes(needed),
          figures.bytes(usable),
        ),
        tries: [
          close,
          vscode.l10n.t("Take a smaller base model, or shorten very long texts."),
          vscode.l10n.t("If the setting “Memory Limit” is low, raise it."),
        ],
        actions: ["again", "models", "settings"],
      };
    }
    case "worker-killed":
      return {
        message: vscode.l10n.t(
          "The engine was ended from outside, most often because memory ran out. {0}",
          safe,
        ),
        tries: [
          close,
          vscode.l10n.t("Start again with less memory: it takes longer, and comes to about the same."),
        ],
        actions: folder === null ? ["again", "less-memory", "log"] : ["resume", "less-memory", "log"],
      };
    case "worker-sigbus":
      return {
        message: vscode.l10n.t(
          "The base model's file was cut short, replaced, or its disk is gone. {0}",
          safe,
        ),
        tries: [vscode.l10n.t("Bring the file back, or fetch the model again.")],
        actions: [onward, "models", "log"],
      };
    case "worker-crash":
    case "worker-start":
    case "worker-message":
    case "unexpected":
      return {
        message: vscode.l10n.t("The engine ended unexpectedly. {0}", safe),
        tries: [
          vscode.l10n.t("Go on with it; if it ends in the same place again, the log says more."),
          message,
        ],
        actions: [onward, "less-memory", "log"],
      };
    case "nan":
      return {
        message: vscode.l10n.t("The loss is no longer a number, so nothing more can be learned."),
        tries: [
          vscode.l10n.t("Another method or another seed may do; look for texts that are no texts first."),
        ],
        actions: ["again", "check", "log"],
      };
    case "no-movement":
      return {
        message: vscode.l10n.t("The loss does not fall: the model learns nothing from these labels."),
        tries: [
          vscode.l10n.t(
            "See whether the labels follow from the texts at all, and whether the instruction says what is asked.",
          ),
          vscode.l10n.t("Try another base model, or another method."),
        ],
        actions: ["label", "task", "again"],
      };
    case "one-class":
      return {
        message: vscode.l10n.t(
          "The model gives the same answer to every text, and does no better than guessing.",
        ),
        tries: [vscode.l10n.t("Label more texts of the rare classes."), vscode.l10n.t("Give it more steps.")],
        actions: ["label", "again", "log"],
      };
    case "locked":
      return {
        message: vscode.l10n.t("Another process is working on this run. Wait for it, or stop it."),
        tries: [],
        actions: ["resume", "log"],
      };
    case "task-locked":
      return { message, tries: [], actions: [onward, "log"] };
    case "task-changed":
    case "example-changed":
    case "split-changed":
      return {
        message: vscode.l10n.t(
          "Task or examples have changed since the run began, so it cannot be gone on with.",
        ),
        tries: [vscode.l10n.t("Bring the old content back, or start a new run."), message],
        actions: ["again", "task"],
      };
    case "base-changed":
    case "kept-examples":
    case "run-finished":
    case "run-trouble":
    case "run-missing":
      return { message, tries: [], actions: ["again", "log"] };
    case "data":
      return { message: firstLine(message), tries: [], actions: ["check", "label", "task"] };
    case "write":
      return {
        message,
        tries: [
          safe,
          vscode.l10n.t(
            "Runs are kept in the folder .plumb beside the task: move the task and its examples to a folder that can be written to.",
          ),
        ],
        actions: [onward, "log"],
      };
    case "settings":
    case "train-limit":
    case "instruction-empty":
      return { message, tries: [], actions: ["task", "settings"] };
  }
  if (code.startsWith("model-") || code.startsWith("gguf")) {
    return {
      message,
      tries: [vscode.l10n.t("Take another base model, or fetch this one again.")],
      actions: ["models", "task"],
    };
  }
  // Whatever else: the task cannot be read, or the file system refuses.
  return {
    message: firstLine(message),
    tries: [],
    actions: folder === null ? ["task", "log"] : [onward, "log"],
  };
}

const firstLine = (text: string) => text.split("\n", 1).join("");
