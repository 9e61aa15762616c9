import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { device, engineWishes } from "../../src/cli/options";
import { MethodName } from "../../src/core/schema";
import { EngineWishes } from "../../src/core/tuning/protocol";
import { wishesOf, type RunSettings } from "../../src/host/tune/jobs";
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

  it("offers an adapter's uses wherever a run, its adapter, its task or a file of texts stands", () => {
    const { menus } = manifest.contributes;
    const offered = (menu: string, key: string, value: string) =>
      menus[menu]!.filter(({ when = "" }) => {
        const [, pattern] = new RegExp(`^${key} =~ /(.*?)/i?( &&|$)`).exec(when) ?? [];
        return when === `${key} == ${value}` || (pattern !== undefined && new RegExp(pattern).test(value));
      }).map(({ command }) => command.replace("plumb.", ""));
    for (const item of ["plumb.task", "plumb.task.running", "plumb.run.finished", "plumb.adapter"])
      for (const use of ["predictFile", "labelWithAdapter"])
        assert.ok(offered("view/item/context", "viewItem", item).includes(use), `${item}: ${use}`);
    for (const item of ["plumb.task", "plumb.task.running"])
      assert.ok(offered("view/item/context", "viewItem", item).includes("fixTestPart"), item);
    for (const end of ["csv", "tsv", "txt", "jsonl", "ndjson", "xlsx", "xlsm", "parquet"])
      for (const use of ["newTask", "predictFile"])
        assert.ok(
          offered("explorer/context", "resourceFilename", `a.${end}`).includes(use),
          `${end}: ${use}`,
        );
    assert.ok(offered("view/item/context", "viewItem", "plumb.data").includes("labelExamples"));
  });

  it("offers to make a task of a file before what takes an adapter that a newcomer does not have yet", () => {
    const places = manifest.contributes.menus["explorer/context"]!;
    const placeOf = (command: string) =>
      places
        .filter(
          (entry) =>
            entry.command === `plumb.${command}` && !entry.when?.endsWith(String.raw`\.plumb\.json$/`),
        )
        .map(({ group }) => Number(group!.split("@")[1]));
    assert.ok(Math.max(...placeOf("newTask")) < Math.min(...placeOf("predictFile")));
  });

  it("calls the making of a task one name wherever it leads there, and leads there from the list of tasks", () => {
    for (const file of ["package.nls.json", "package.nls.ru.json"]) {
      const texts = JSON.parse(read(file)) as Record<string, string>;
      const links = Object.values(texts).flatMap((text) => [
        ...text.matchAll(/\[([^\]]+)\]\(command:plumb\.newTask\)/g),
      ]);
      const name = texts["command.newTask"]!.replace("…", "");
      assert.deepEqual(
        links.map(([, word]) => word),
        [name, name],
        file,
      );
    }
    assert.ok(
      read("src/host/task-files.ts").includes(
        '{ title: vscode.l10n.t("New Task"), command: "plumb.newTask" }',
      ),
    );
    const ways = manifest.contributes.menus["view/title"]!.filter(
      ({ command }) => command === "plumb.newTask",
    );
    assert.equal(ways.length, 1);
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

  it("says of every choice of a setting what it means, in each language, and offers the methods that there are", () => {
    const { properties } = manifest.contributes.configuration;
    const texts = ["package.nls.json", "package.nls.ru.json"].map(
      (file) => JSON.parse(read(file)) as Record<string, string>,
    );
    for (const [name, { enum: offered, enumDescriptions = [] }] of Object.entries(properties)) {
      if (offered === undefined) continue;
      assert.equal(enumDescriptions.length, offered.length, name);
      for (const language of texts) {
        const said = enumDescriptions.map((key) => language[key.replaceAll("%", "")] ?? "");
        assert.equal(new Set(said).size, offered.length, `${name}: ${said.join(" | ")}`);
        assert.ok(!said.includes(""), name);
      }
    }
    assert.deepEqual(properties["plumb.method"]!.enum, MethodName.options);
  });

  it("offers the devices that a run takes, by the words of the command line", () => {
    const { properties } = manifest.contributes.configuration;
    const { enum: offered = [], enumDescriptions = [] } = properties["plumb.device"]!;
    assert.deepEqual(offered, ["auto", "cpu", "cuda", "cuda:all"]);
    assert.equal(enumDescriptions.length, offered.length);
    const rest = { threads: 0, memoryLimit: 0, baseModel: "", method: "" };
    for (const name of offered as RunSettings["device"][]) {
      const wishes = EngineWishes.parse(wishesOf({ ...rest, device: name }));
      assert.equal(wishes.device, name === "auto" ? undefined : name);
      assert.deepEqual(engineWishes({ device: device(name) }), wishes);
    }
    assert.throws(() => device("gpu"), /Found "gpu", expected auto, cpu, cuda/);
  });
});
