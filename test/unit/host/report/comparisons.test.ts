import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Manifest, Task } from "../../../../src/core/schema";
import type { Comparisons } from "../../../../src/host/report/comparisons";
import { writeFinishedRun } from "../../../finished-run";
import { sample } from "../../report/samples";
import { Uri } from "../fake-uri";
import { partIn } from "../part-in";

describe("the tab that compares runs", () => {
  const webview = { onDidReceiveMessage: () => undefined, asWebviewUri: String, cspSource: "", html: "" };
  const editor = {
    Uri,
    ViewColumn: { Active: -1 },
    l10n: { t: (text: string) => text },
    window: { createWebviewPanel: () => ({ webview }) },
  };
  let folder: string;
  let leave: () => void;
  let comparisons: Comparisons;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "plumb-comparison-"));
    const loaded = partIn(editor, "report/comparisons.ts");
    ({ leave } = loaded);
    const { Comparisons: Made } = loaded.part as { Comparisons: typeof Comparisons };
    comparisons = new Made({
      pages: Uri.file(folder) as never,
      worker: "",
      showExample: () => Promise.resolve(),
    });
  });
  after(async () => {
    leave();
    await rm(folder, { recursive: true });
  });

  it("says in how many folds each run predicted, by what stands in its folder", async () => {
    const { task, train, test } = sample("single", { labels: 2, train: 20, test: 20, skill: 0.8 });
    const file = path.join(folder, "a.plumb.json");
    const named: Task = { ...task, examples: "a.jsonl" };
    await writeFile(file, JSON.stringify(named));
    await writeFile(path.join(folder, "a.jsonl"), "");
    const runs = ["2026-01-02T03:04:05Z", "2026-01-03T03:04:05Z"].map((startedAt, at) =>
      writeFinishedRun(file, named, { train, test }, () => [0.9, 0.1], { id: `run-${at}`, startedAt }),
    );
    const [first, second] = await Promise.all(runs);
    const manifest = path.join(second!, "manifest.json");
    const plain = JSON.parse(await readFile(manifest, "utf8")) as Manifest;
    const folds = async () => {
      await comparisons.compareWith({ folder: first! } as never);
      const row = /<th scope="row">Folds<\/th>([^]*?)<\/tr>/u.exec(webview.html)![1]!;
      return [...row.matchAll(/<td>([^<]*)<\/td>/gu)].map(([, value]) => value);
    };
    assert.deepEqual(await folds(), ["0", "0"]);
    await writeFile(manifest, JSON.stringify({ ...plain, folds: { count: 5, of: {} } }));
    assert.deepEqual(await folds(), ["0", "5"]);
    // Of another version: what the editor needs of it still stands there.
    await writeFile(manifest, JSON.stringify({ task: plain.task, version: 2 }));
    assert.deepEqual(await folds(), ["0", "–"]);
  });
});
