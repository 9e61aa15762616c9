import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { build } from "esbuild";
import { ImportThread } from "../../../src/core/import/thread";
import { languageEnvironment, speakAs } from "../../../src/core/language";
import { startJob } from "../../../src/core/tuning/worker-process";
import { makeTask, tune } from "../tuning/fake-task";

const root = path.resolve(__dirname, "../../..");
const bundle = path.join(root, "l10n", "bundle.l10n.ru.json");

describe("a process that Plumb starts speaks the language of its parent", function () {
  this.timeout(60_000);
  let task: Awaited<ReturnType<typeof makeTask>>;
  before(async () => {
    const texts = JSON.parse(await readFile(bundle, "utf8")) as Record<string, string>;
    speakAs(bundle, () => texts);
    task = await makeTask("single", 20);
  });
  after(async () => {
    speakAs("", () => null);
    await task.remove();
  });

  const check = (env: Record<string, string>) => {
    const main = path.join(root, "src/cli/main.ts");
    const tsx = path.join(root, "node_modules/tsx/dist/loader.mjs");
    const words = ["--import", tsx, main, "check", path.join(task.folder, "none.plumb.json"), "--json"];
    const { stdout } = spawnSync(process.execPath, words, {
      encoding: "utf8",
      env: { ...process.env, ...env },
    });
    return (JSON.parse(stdout) as { error: { message: string } }).error.message;
  };

  it("the command line", () => {
    assert.match(check(languageEnvironment()), /^Не найден файл задачи .*none\.plumb\.json\./);
  });

  it("the command line by itself is English, and where the table cannot be had", () => {
    assert.match(check({}), /^There is no task file /);
    assert.match(check({ PLUMB_LANGUAGE_FILE: "/nowhere/bundle.l10n.ru.json" }), /^There is no task file /);
    assert.match(check({ PLUMB_LANGUAGE_FILE: task.file }), /^There is no task file /);
  });

  it("the worker", async () => {
    const worker = path.join(root, "test/unit/tuning/fake-worker.ts");
    const job = tune(task.file, { options: { method: "lora", lora: { rank: 5000 } } });
    const { ended } = startJob(worker, job, () => undefined, ["--import", "tsx"]);
    await assert.rejects(ended, {
      code: "settings",
      message: /поле «lora\.rank»: найдено: число 5000; ожидается: число до 1024\.$/,
    });
  });

  it("the thread that reads files", async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), "plumb-language-"));
    const program = path.join(folder, "import-thread.js");
    await build({
      entryPoints: [path.join(root, "src/core/import/thread-worker.ts")],
      ...{ bundle: true, platform: "node", outfile: program, logLevel: "error" },
      logOverride: { "empty-import-meta": "silent" },
    });
    const thread = new ImportThread(program);
    try {
      const asked = thread.ask("inspect", { file: path.join(folder, "none.csv"), read: {} });
      await assert.rejects(asked, { code: "no-such-file", message: /^Нет файла .*none\.csv/ });
    } finally {
      thread.close();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("and is told of none where the parent speaks English", () => {
    speakAs("", () => null);
    assert.deepEqual(languageEnvironment(), {});
  });
});
