import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { bundleInParts } from "../../../scripts/lib/parts.mjs";
import { TestFolder } from "../data/folder";

const root = path.resolve(__dirname, "../../..");
/** Bytes that VS Code may wait for. */
const MOST_AT_START = 52_000;

describe("a bundle in parts", () => {
  let folder: TestFolder;
  before(async () => (folder = await TestFolder.make()));
  after(() => folder.remove());

  const bundle = (name: string, file: string) =>
    bundleInParts({
      ...{ entryPoints: { [name]: file }, outdir: folder.at("dist") },
      ...{ bundle: true, platform: "node", external: ["vscode"], minifyWhitespace: true, minifySyntax: true },
    });

  it("loads a part when it is asked for, and has what parts share once", async () => {
    const write = (name: string, text: string) => writeFileSync(folder.at(name), text);
    write("shared.ts", "export const seen: string[] = [];");
    write("late.ts", 'import { seen } from "./shared"; seen.push("late"); export const answer = 42;');
    write(
      "entry.ts",
      `import { seen } from "./shared";
       export { seen };
       export const late = async () => (await import("./late")).answer;`,
    );
    await bundle("entry", folder.at("entry.ts"));
    const entry = createRequire(__filename)(folder.at("dist/entry.js")) as {
      seen: string[];
      late: () => Promise<number>;
    };
    assert.deepEqual(entry.seen, []);
    assert.equal(await entry.late(), 42);
    assert.deepEqual(entry.seen, ["late"]);
  });

  it("leaves no part of an earlier one", async () => {
    const parts = () => readdirSync(folder.at("dist/changing"));
    writeFileSync(folder.at("changing.ts"), 'export const late = () => import("./changed");');
    writeFileSync(folder.at("changed.ts"), "export const answer = 42;");
    await bundle("changing", folder.at("changing.ts"));
    const before = parts();
    writeFileSync(folder.at("changed.ts"), "export const answer = 43;");
    await bundle("changing", folder.at("changing.ts"));
    assert.equal(parts().length, 1);
    assert.notDeepEqual(parts(), before);
  });

  it("of the extension has VS Code wait for little of it", async () => {
    await bundle("extension", path.join(root, "src/extension.ts"));
    const dist = realpathSync(folder.at("dist"));
    const program = path.join(__dirname, "loaded.ts");
    const output = execFileSync(process.execPath, ["--import", "tsx", program, dist], { encoding: "utf8" });
    const loaded = JSON.parse(output) as string[];
    assert.ok(loaded.includes(path.join(dist, "extension.js")));
    const bytes = loaded.reduce((sum, file) => sum + statSync(file).size, 0);
    assert.ok(bytes <= MOST_AT_START, `${bytes} bytes in ${loaded.join(", ")}`);
  });

  it("of the extension has nothing that loads the engine", async () => {
    const addon = "plumb.node";
    assert.ok(readFileSync(path.join(root, "src/core/engine.ts"), "utf8").includes(addon));
    await bundle("extension", path.join(root, "src/extension.ts"));
    const files = readdirSync(folder.at("dist"), { recursive: true, encoding: "utf8" })
      .filter((file) => /^extension\b.*\.js$/.test(file))
      .map((file) => path.join(folder.at("dist"), file));
    assert.ok(files.length > 5);
    assert.deepEqual(
      files.filter((file) => readFileSync(file, "utf8").includes(addon)),
      [],
    );
  });
});
