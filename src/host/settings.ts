import * as vscode from "vscode";
import type { RunSettings } from "./tune/jobs";

/** What the user has set for runs of a task. */
export function runSettings(task?: vscode.Uri): RunSettings {
  const settings = vscode.workspace.getConfiguration("plumb", task);
  return {
    device: settings.get<RunSettings["device"]>("device", "auto"),
    threads: settings.get<number>("threads", 0),
    memoryLimit: settings.get<number>("memoryLimit", 0),
    baseModel: settings.get<string>("baseModel", ""),
    method: settings.get<string>("method", ""),
  };
}

/** Keeps the folder of models, which this process and all that it starts look into, as the user has set it. */
export function watchModelsFolder(): vscode.Disposable {
  const before = process.env.PLUMB_MODELS;
  const apply = () => {
    const folder = vscode.workspace.getConfiguration("plumb").get<string>("modelsFolder", "").trim();
    if (folder !== "") process.env.PLUMB_MODELS = folder;
    else if (before === undefined) delete process.env.PLUMB_MODELS;
    else process.env.PLUMB_MODELS = before;
  };
  apply();
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration("plumb.modelsFolder")) apply();
  });
}
