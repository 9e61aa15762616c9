import * as vscode from "vscode";
import type { StartJob } from "./host/adapter/process";
import { registerLabelEditor } from "./host/label/provider";
import { speakAsTheEditor } from "./host/language";
import { Figures } from "./host/locale";
import { Part } from "./host/part";
import type { PanelOptions } from "./host/report-panels";
import { Sample } from "./host/sample";
import { watchModelsFolder } from "./host/settings";
import { onTaskOpen } from "./host/task-files";
import { TaskLenses } from "./host/task-lenses";
import { Views } from "./host/tree/views";
import { RunningTasks } from "./host/tune/running-tasks";
import { UnfinishedRuns } from "./host/tune/unfinished";

/** Registers everything, and loads of it what a window needs at its start. */
export function activate(context: vscode.ExtensionContext): void {
  speakAsTheEditor();
  const dist = (name: string) => context.asAbsolutePath(`dist/${name}`);
  const pages = vscode.Uri.file(dist("webview"));
  const keep = <T extends vscode.Disposable>(one: T): T => {
    context.subscriptions.push(one);
    return one;
  };
  const figures = new Figures();
  const running = new RunningTasks();

  const checker = new Part(async () => {
    const { Checker } = await import("./host/checker");
    return keep(new Checker(dist("cli.js")));
  });
  const labels = new Part(async () => {
    const { LabelEditors } = await import("./host/label/editors");
    return keep(new LabelEditors(pages, { worker: dist("worker.js"), reach: dist("reach-thread.js") }));
  });
  const shared: PanelOptions = {
    pages,
    worker: dist("worker.js"),
    showExample: async (file, task, example) => (await labels.get()).showExample(file, task, example),
  };
  const start = new Part<StartJob>(async () => {
    const { startJob } = await import("./core/tuning/worker-process");
    return (job, listen) => startJob(shared.worker, job, listen);
  });
  const predictor = new Part(async () => {
    const { FilePredictor } = await import("./host/adapter/predict-file");
    return new FilePredictor(await start.get());
  });
  const suggestions = new Part(async () => {
    const { SuggestionWriter } = await import("./host/adapter/label-with");
    return new SuggestionWriter(await start.get(), async (file, task) =>
      (await labels.get()).review(file, task),
    );
  });
  const comparisons = new Part(async () => {
    const { Comparisons } = await import("./host/report/comparisons");
    return new Comparisons(shared);
  });
  const panels = new Part(async () => {
    const { ReportPanels } = await import("./host/report-panels");
    return keep(
      new ReportPanels(shared, {
        compare: async (run) => (await comparisons.get()).compareWith(run),
        predict: async ({ folder }) => (await predictor.get()).predict(folder),
        label: async ({ folder }) => (await suggestions.get()).label(folder),
      }),
    );
  });
  const newTasks = new Part(async () => {
    const { NewTasks } = await import("./host/new-task/new-tasks");
    return keep(new NewTasks(pages, dist("import-thread.js")));
  });
  const showReport = async (run: string) => (await panels.get()).show(run);
  const resume = async (task: vscode.Uri, run: string) => (await tuner.get()).resume(task, run);
  const unfinished = new UnfinishedRuns(context.workspaceState, resume);
  const tuner = new Part(async () => {
    const { Tuner } = await import("./host/tune/tuner");
    const { showExample } = shared;
    const tools = { showReport, showExample, decided: (run: string) => unfinished.decided(run), running };
    return keep(new Tuner(pages, dist("worker.js"), tools));
  });
  const deleted = (run: string) => panels.made?.close(run);
  const views = new Views(figures, running, { showReport, resume, deleted });
  const models = new Part(async () => {
    const { ModelCommands } = await import("./host/models/commands");
    return keep(
      new ModelCommands(dist("cli.js"), figures, () => {
        views.models.refresh();
        tuner.made?.modelsChanged();
      }),
    );
  });
  const sample = new Sample(context.asAbsolutePath("media/sample"), context.globalState);

  const command = (name: string, handler: (called: unknown) => Promise<void> | void) =>
    vscode.commands.registerCommand(`plumb.${name}`, handler);
  context.subscriptions.push(
    running,
    watchModelsFolder(),
    views,
    registerLabelEditor(labels),
    new TaskLenses(running),
    onTaskOpen(() => void checker.get()),
    command("checkTask", async (called) => (await checker.get()).checkCommand(called)),
    command("newTask", async (called) => (await newTasks.get()).newTaskCommand(called)),
    command("labelExamples", async (called) => (await labels.get()).labelCommand(called)),
    command("openAsText", async () => (await labels.get()).textCommand()),
    command("tuneAdapter", async (called) => (await tuner.get()).tuneCommand(called)),
    command("openReport", async (called) => (await panels.get()).openCommand(called)),
    command("showRun", async (called) => (await tuner.get()).showCommand(called)),
    command("keepRun", async (called) => (await tuner.get()).keepCommand(called)),
    command("cancelRun", async (called) => (await tuner.get()).cancelCommand(called)),
    command("showLog", async () => (await tuner.get()).showLog()),
    command("refresh", () => views.refresh()),
    command("openRun", (called) => views.openCommand(called)),
    command("resumeRun", (called) => views.resumeCommand(called)),
    command("deleteRun", (called) => views.deleteCommand(called)),
    command("revealRun", (called) => views.revealCommand(called)),
    command("exportAdapter", (called) => views.exportCommand(called)),
    command("getModel", async () => (await models.get()).getCommand()),
    command("inspectModel", async (called) => (await models.get()).inspectCommand(called)),
    command("removeModel", async (called) => (await models.get()).removeCommand(called)),
    command("openSample", () => sample.openCommand()),
    command("compareRuns", async (called) => (await comparisons.get()).compareCommand(called)),
    command("predictFile", async (called) => (await predictor.get()).command(called)),
    command("labelWithAdapter", async (called) => (await suggestions.get()).command(called)),
    command("fixTestPart", async (called) => (await import("./host/label/fix-test")).fixTestPart(called)),
    command("exportReport", async (called) => (await panels.get()).exportCommand(called)),
  );
  void sample.showAfterOpening();
  void unfinished.offer();
}
