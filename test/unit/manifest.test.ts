import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { linkedCommands, walkthroughCommands, type Manifest } from "../manifest";

const root = path.resolve(__dirname, "../..");
const read = (file: string) => readFileSync(path.join(root, file), "utf8");
const manifest = JSON.parse(read("package.json")) as Manifest;
const declared = manifest.contributes.commands.map(({ command }) => command).sort();

describe("the extension's manifest", () => {
  it("declares the commands that are registered, and no other", () => {
    const registered = [...read("src/extension.ts").matchAll(/\bcommand\("(\w+)"/g)];
    assert.deepEqual(registered.map(([, name]) => `plumb.${name}`).sort(), declared);
  });

  it("leads only to commands that it declares: in menus, the walkthrough and empty views", () => {
    const { menus, viewsWelcome } = manifest.contributes;
    const named = [
      ...Object.values(menus).flatMap((entries) => entries.map(({ command }) => command)),
      ...walkthroughCommands(manifest),
      // The texts of empty views stand in the table of words.
      ...viewsWelcome.flatMap(({ contents }) => linkedCommands(contents)),
      ...linkedCommands(read("package.nls.json")),
      ...linkedCommands(read("package.nls.ru.json")),
    ].filter((command) => command.startsWith("plumb."));
    assert.ok(named.length > declared.length / 2);
    for (const command of named) assert.ok(declared.includes(command), command);
  });

  it("declares the settings that are read, and no other", () => {
    const sources = readdirSync(path.join(root, "src/host"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => read(path.join("src/host", file)))
      .filter((text) => text.includes("getConfiguration("))
      .join("\n");
    const used = [...sources.matchAll(/\.get(?:<[^(]*>)?\("([\w.]+)"/g)].map(([, name]) => `plumb.${name}`);
    const settings = Object.keys(manifest.contributes.configuration.properties);
    assert.deepEqual([...new Set(used)].sort(), settings.sort());
  });
});
