import * as vscode from "vscode";
import { DEFAULT_MODEL } from "../../core/model/default/model";
import type { FetchFailure } from "./fetch";

/** Why a model did not come, and what to do, in the language of the editor; else in the command line's words, which are in that language too. */
export function explainFetch({ code, message }: FetchFailure): string {
  const { l10n } = vscode;
  switch (code) {
    case "hub-unreachable":
      return l10n.t(
        "The Hugging Face Hub cannot be reached. Check the network and try again: what has come so far is kept. A mirror can be named in HF_ENDPOINT.",
      );
    case "hub-offline":
      return l10n.t(
        "HF_HUB_OFFLINE is set, so nothing is fetched from the Hugging Face Hub. Unset it, or take a file.",
      );
    case "fetch-python":
      return l10n.t(
        "Python with pip is not on this machine. Take the model from the Hugging Face Hub, or from a file.",
      );
    case "fetch-checksum":
    case "hub-checksum":
    case "hub-size":
      return l10n.t(
        "What came is not the file expected (its SHA-256 or its size differs), and was thrown away. Try again, or another way: something between here and there serves another file.",
      );
    case "model-checksum":
      return l10n.t(
        "The file has the name of the default model, {0}, but not its content: it is damaged or another model. Nothing was copied.",
        DEFAULT_MODEL.file,
      );
    default:
      return message;
  }
}
