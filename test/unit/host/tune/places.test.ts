import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Task } from "../../../../src/core/schema";
import type { openPlace } from "../../../../src/host/tune/places";
import { Uri } from "../fake-uri";
import { partIn } from "../part-in";

const task: Task = {
  version: 1,
  name: "Moods",
  kind: "single",
  labels: [{ name: "good" }, { name: "bad" }],
  examples: { train: "train.jsonl", test: "test.jsonl" },
};

describe("the places that a plan points to", () => {
  let folder: string;
  let open: typeof openPlace;
  let leave: () => void;
  /** What was opened: the file, the line from 0, and whether as an example or as text. */
  const opened: [string, number, "example" | "text"][] = [];
  const said: string[] = [];
  const editor = {
    Uri,
    Range: class {
      constructor(readonly line: number) {}
    },
    ViewColumn: { Beside: -2 },
    workspace: {
      openTextDocument: async (file: Uri) => {
        const lines = (await readFile(file.fsPath, "utf8")).split("\n");
        return { lineCount: lines.length, lineAt: (line: number) => ({ text: lines[line] }) };
      },
    },
    window: {
      showTextDocument: (file: Uri, { selection }: { selection: { line: number } }) =>
        Promise.resolve(opened.push([path.basename(file.fsPath), selection.line, "text"])),
      showErrorMessage: (message: string) => Promise.resolve(said.push(message)),
    },
  };

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "plumb-places-"));
    const part = partIn(editor, "tune/places.ts");
    ({ leave } = part);
    ({ openPlace: open } = part.part as { openPlace: typeof openPlace });
    await writeFile(path.join(folder, "moods.plumb.json"), JSON.stringify(task));
    const lines = [
      { id: "2", text: "A", label: "good" },
      { id: "2", text: "The same id again", label: "good" },
      { id: "3", text: "A label that is none", label: "goood" },
      { id: "4", text: "Without a label" },
    ].map((one) => JSON.stringify(one));
    const file = [...lines, '{"id": "5", "text": ', '{"text": "no id"}', ""].join("\n");
    for (const name of ["train.jsonl", "test.jsonl", "others.jsonl"])
      await writeFile(path.join(folder, name), file);
  });
  after(async () => {
    leave();
    await rm(folder, { recursive: true });
  });

  async function at(name: string, line: number | null) {
    opened.length = 0;
    const show = (file: Uri, of: Uri, example: object) => {
      assert.equal(of.fsPath, path.join(folder, "moods.plumb.json"));
      assert.ok("line" in example && typeof example.line === "number");
      opened.push([path.basename(file.fsPath), example.line, "example"]);
      return Promise.resolve();
    };
    const place = { type: "open", file: path.join(folder, name), line } as const;
    await open(place, Uri.file(path.join(folder, "moods.plumb.json")) as never, show as never);
    return opened;
  }

  it("open as examples in the label editor, by their line, whatever their ids and labels", async () => {
    for (const line of [1, 2, 3, 4])
      for (const name of ["train.jsonl", "test.jsonl"])
        assert.deepEqual(await at(name, line), [[name, line - 1, "example"]]);
  });

  it("open as text where they are no example: broken, blank and missing lines, whole files, files of nobody's", async () => {
    for (const line of [5, 6, 7, 99])
      assert.deepEqual(await at("train.jsonl", line), [["train.jsonl", line - 1, "text"]]);
    assert.deepEqual(await at("train.jsonl", null), [["train.jsonl", 0, "text"]]);
    assert.deepEqual(await at("others.jsonl", 1), [["others.jsonl", 0, "text"]]);
    assert.deepEqual(await at("moods.plumb.json", 1), [["moods.plumb.json", 0, "text"]]);
  });

  it("say why they cannot be opened", async () => {
    await rm(path.join(folder, "test.jsonl"));
    assert.deepEqual(await at("test.jsonl", 1), []);
    assert.equal(said.length, 1);
    await writeFile(path.join(folder, "moods.plumb.json"), "{");
    assert.deepEqual(await at("train.jsonl", 1), [["train.jsonl", 0, "text"]]);
  });
});
