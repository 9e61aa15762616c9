import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { Outcome } from "./outcome";

/** What VS Code calls in its extension host: runs the suite beside this file. Fails where a test does. */
export async function run(): Promise<void> {
  // Mocha is a module, and a program of the extension host is none.
  const { default: Mocha } = await import("mocha");
  const mocha = new Mocha({ ui: "bdd", timeout: 60_000, forbidOnly: true, reporter: "spec" });
  mocha.addFile(path.join(__dirname, "suite.js"));
  await mocha.loadFilesAsync();
  const outcome: Outcome = { passed: [], failed: [] };
  await new Promise<void>((resolve) => {
    const runner = mocha.run(() => resolve());
    runner.on("pass", (test) => outcome.passed.push(test.fullTitle()));
    runner.on("fail", (test, error: Error) =>
      outcome.failed.push(`${test.fullTitle()}: ${error.stack ?? error.message}`),
    );
  });
  const { PLUMB_IN_EDITOR: file } = process.env;
  if (file !== undefined) await writeFile(file, JSON.stringify(outcome));
  if (outcome.failed.length > 0 || outcome.passed.length === 0)
    throw new Error(`${outcome.passed.length} passed, ${outcome.failed.length} failed.`);
}
