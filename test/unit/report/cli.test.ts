import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Command } from "commander";
import { register } from "../../../src/cli/report";
import { PlumbError } from "../../../src/core/errors";
import { buildReport } from "../../../src/core/report";
import { Report } from "../../../src/core/schema";
import { sample } from "./samples";

describe("plumb report", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), "plumb-report-"));
    const report = buildReport(sample("single", { labels: 2, train: 20, test: 30, skill: 0.8 }));
    writeFileSync(path.join(folder, "report.json"), JSON.stringify(report));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** What the command writes to standard output and standard error. */
  async function plumb(...args: string[]): Promise<{ out: string; words: string }> {
    const written = { out: "", words: "" };
    const stdout = process.stdout.write.bind(process.stdout);
    const stderr = process.stderr.write.bind(process.stderr);
    const program = new Command().exitOverride().configureOutput({ writeErr: () => undefined });
    register(program);
    for (const command of program.commands)
      command.exitOverride().configureOutput({ writeErr: () => undefined });
    process.stdout.write = (text: string | Uint8Array) => ((written.out += String(text)), true);
    process.stderr.write = (text: string | Uint8Array) => ((written.words += String(text)), true);
    try {
      await program.parseAsync(["report", ...args], { from: "user" });
    } finally {
      process.stdout.write = stdout;
      process.stderr.write = stderr;
    }
    return written;
  }

  const refused = (args: string[], part: string) =>
    assert.rejects(plumb(...args), (error) => error instanceof PlumbError && error.message.includes(part));

  it("prints words, from the run folder or the file itself", async () => {
    const { out } = await plumb(folder);
    assert.match(out, /^sample: 20 training texts, 30 test texts/u);
    assert.equal((await plumb(path.join(folder, "report.json"))).out, out);
  });

  it("prints JSON that is a report, and nothing else on standard output", async () => {
    const { out } = await plumb(folder, "--json");
    assert.deepEqual(Report.parse(JSON.parse(out)).task.name, "sample");
  });

  it("writes the page where asked, and says so on standard error", async () => {
    const page = path.join(folder, "page.html");
    const { out, words } = await plumb(folder, "--html", page);
    assert.equal(out, "");
    assert.ok(words.includes(page));
    assert.match(readFileSync(page, "utf8"), /^<!doctype html>/u);
  });

  it("compares two runs", async () => {
    assert.match((await plumb(folder, folder)).out, /^Cannot tell the two apart/u);
    assert.equal((JSON.parse((await plumb(folder, folder, "--json")).out) as { texts: number }).texts, 30);
    await assert.rejects(plumb(folder, folder, "--html", "x.html"), /two were given/u);
  });

  it("says what is wrong and what to do", async () => {
    await refused([path.join(folder, "nothing")], "no such folder");
    await refused([tmpdir()], "it is not a run folder");
    const damaged = mkdtempSync(path.join(tmpdir(), "plumb-report-"));
    writeFileSync(path.join(damaged, "manifest.json"), '{"version": 1}');
    await refused([damaged], "the run cannot be read.");
    rmSync(damaged, { recursive: true });
    const broken = path.join(folder, "broken.json");
    writeFileSync(broken, "{");
    await refused([broken], "it is not JSON");
    writeFileSync(broken, '{"version": 1}');
    await refused([broken], "it is not a report of this version (task:");
    await refused([folder, "--html", path.join(folder, "no", "page.html")], "there is no folder");
    await refused([folder, "--html", folder], "it is a folder");
  });
});
