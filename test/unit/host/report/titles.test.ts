import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { readRun } from "../../../../src/core/runs/list";
import type { Task } from "../../../../src/core/schema";
import type { ReportPanels } from "../../../../src/host/report-panels";
import type { runItem } from "../../../../src/host/tree/run-item";
import type { Figures } from "../../../../src/host/locale";
import { writeFinishedRun } from "../../../finished-run";
import { sample } from "../../report/samples";
import { Uri } from "../fake-uri";
import { partIn } from "../part-in";

describe("the tabs of reports", () => {
  const titles: string[] = [];
  /** As much of the editor as a report's tab and an item of the tree ask for. */
  const editor = {
    Uri,
    ViewColumn: { Active: -1 },
    TreeItem: class {
      constructor(readonly label: string) {}
    },
    TreeItemCollapsibleState: { None: 0 },
    ThemeIcon: class {
      constructor(readonly id: string) {}
    },
    l10n: {
      t: (text: string, ...places: unknown[]) =>
        text.replace(/\{(\d)\}/g, (_, at) => String(places[Number(at)])),
    },
    workspace: { getConfiguration: () => ({ get: (_: string, otherwise: unknown) => otherwise }) },
    window: {
      createWebviewPanel: (_: string, title: string) => {
        titles.push(title);
        const webview = {
          onDidReceiveMessage: () => undefined,
          asWebviewUri: String,
          cspSource: "",
          html: "",
        };
        return { webview, onDidDispose: () => undefined, dispose: () => undefined };
      },
    },
  };
  let folder: string;
  let leave: () => void;
  let panels: ReportPanels;
  let item: (run: string) => Promise<string>;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "plumb-titles-"));
    const reports = partIn(editor, "report-panels.ts");
    const tree = partIn(editor, "tree/run-item.ts");
    const locale = partIn(editor, "locale.ts");
    leave = () => [locale, tree, reports].forEach((part) => part.leave());
    const { ReportPanels: Panels } = reports.part as { ReportPanels: typeof ReportPanels };
    const { runItem: itemOf } = tree.part as { runItem: typeof runItem };
    const { Figures: Spoken } = locale.part as { Figures: typeof Figures };
    const pages = Uri.file(folder) as never;
    panels = new Panels({ pages, worker: "", showExample: () => Promise.resolve() }, undefined as never);
    item = async (run) => String(itemOf((await readRun(run))!, new Spoken()).description);
  });
  after(async () => {
    leave();
    await rm(folder, { recursive: true });
  });

  it("tell runs of one task apart by what the tree shows of them: the date", async () => {
    const { task, train, test } = sample("single", { labels: 2, train: 20, test: 20, skill: 0.8 });
    const file = path.join(folder, "a.plumb.json");
    const named: Task = { ...task, name: "Moods", examples: "a.jsonl" };
    await writeFile(file, JSON.stringify(named));
    await writeFile(path.join(folder, "a.jsonl"), "");
    const begun = ["2025-01-02T03:04:05Z", "2026-01-02T03:04:05Z", "2026-01-02T03:07:05Z"];
    for (const [at, startedAt] of begun.entries()) {
      const options = { id: `run-${at}`, startedAt };
      const run = await writeFinishedRun(file, named, { train, test }, () => [0.9, 0.1], options);
      await panels.show(run);
      const [date] = (await item(run)).split(" · ");
      assert.equal(titles.at(-1), `Moods: report, ${date}`);
    }
    assert.equal(new Set(titles).size, begun.length, titles.join("\n"));
  });
});
