import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Example } from "../../../../src/core/schema";
import type * as FixTest from "../../../../src/host/label/fix-test";
import { Uri } from "../fake-uri";
import { partIn } from "../part-in";

type Edit = readonly [file: string, line: number, start: number, end: number, text: string];

/** A document whose disk may refuse to take it. */
class Document {
  lines: string[];
  isDirty = false;
  constructor(
    readonly fileName: string,
    text: string,
    private readonly disk: { readonly full: boolean },
  ) {
    this.lines = text.split("\n");
  }
  get uri() {
    return Uri.file(this.fileName);
  }
  get lineCount() {
    return this.lines.length;
  }
  lineAt(line: number) {
    return { text: this.lines[line]! };
  }
  async save(): Promise<boolean> {
    if (this.disk.full) return false;
    await writeFile(this.fileName, this.lines.join("\n"));
    this.isDirty = false;
    return true;
  }
}

describe("the command that fixes a test part", () => {
  const disk = { full: false, readOnly: false };
  const documents = new Map<string, Document>();
  const told: { kind: "information" | "error"; message: string }[] = [];
  const tell = (kind: "information" | "error") => (message: string) => {
    told.push({ kind, message });
    return Promise.resolve(undefined);
  };
  const fill = (text: string, ...values: unknown[]) =>
    text.replace(/\{(\d)\}/g, (_, at: string) => String(values[Number(at)]));
  const editor = {
    Uri,
    l10n: { t: fill },
    ProgressLocation: { Notification: 15 },
    Range: class {
      readonly place: readonly number[];
      constructor(...place: number[]) {
        this.place = place;
      }
    },
    WorkspaceEdit: class {
      readonly edits: Edit[] = [];
      replace(file: Uri, { place }: { place: readonly number[] }, text: string) {
        this.edits.push([file.fsPath, place[0]!, place[1]!, place[3]!, text]);
      }
    },
    workspace: {
      get textDocuments() {
        return [...documents.values()];
      },
      async openTextDocument(file: string) {
        const found = documents.get(file) ?? new Document(file, await readFile(file, "utf8"), disk);
        documents.set(file, found);
        return found;
      },
      applyEdit({ edits }: { edits: readonly Edit[] }) {
        if (disk.readOnly) return Promise.resolve(false);
        for (const [file, line, start, end, text] of edits) {
          const document = documents.get(file)!;
          const before = document.lines[line]!;
          document.lines[line] = before.slice(0, start) + text + before.slice(end);
          document.isDirty = true;
        }
        return Promise.resolve(true);
      },
    },
    window: {
      showInformationMessage: tell("information"),
      showErrorMessage: tell("error"),
      withProgress: (_: unknown, work: (progress: unknown, cancel: unknown) => Promise<unknown>) =>
        work({ report: () => undefined }, { isCancellationRequested: false }),
    },
  };
  let part: typeof FixTest;
  let folder: string;
  let leave: () => void;
  before(() => {
    const loaded = partIn(editor, "label/fix-test.ts");
    ({ leave } = loaded);
    part = loaded.part as typeof FixTest;
  });
  after(() => leave());
  const examples = Array.from({ length: 20 }, (_, at): Example => {
    const label = at % 2 === 0 ? "calm" : "loud";
    const words = Array.from({ length: 8 }, (_word, place) => `word${at * 8 + place}`);
    return { id: `e${at}`, text: words.join(" "), label };
  });
  const text = examples.map((example) => `${JSON.stringify(example)}\n`).join("");
  const file = () => path.join(folder, "texts.jsonl");
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "plumb-fix-"));
    documents.clear();
    told.length = 0;
    Object.assign(disk, { full: false, readOnly: false });
    await writeFile(file(), text);
    const labels = [{ name: "calm" }, { name: "loud" }];
    const task = { version: 1, name: "Tone", kind: "single", labels, examples: "texts.jsonl" };
    await writeFile(path.join(folder, "tone.plumb.json"), JSON.stringify(task));
  });
  afterEach(() => rm(folder, { recursive: true }));
  /** As the tree calls it. */
  const fix = () => part.fixTestPart({ kind: "task", task: Uri.file(path.join(folder, "tone.plumb.json")) });

  it("writes it into the lines of the task that it is called on, and says so", async () => {
    await fix();
    const written = await readFile(file(), "utf8");
    assert.equal(written.replaceAll(',"split":"test"', ""), text);
    const count = written.split('"split":"test"').length - 1;
    assert.ok(count > 0);
    assert.deepEqual(
      told.map(({ kind, message }) => [kind, message.slice(0, 40)]),
      [["information", `${count} of 20 texts are the test part of Tone `.slice(0, 40)]],
    );
  });

  it("says that the test part stands in the window alone where the file could not be saved", async () => {
    disk.full = true;
    await fix();
    assert.equal(await readFile(file(), "utf8"), text);
    assert.match(documents.get(file())!.lines.join("\n"), /"split":"test"/u);
    assert.deepEqual(told, [
      {
        kind: "error",
        message:
          "texts.jsonl could not be saved: its test part stands in this window alone. Save the file before a run.",
      },
    ]);
    // The next time it does not begin from a disk that knows nothing of it.
    told.length = 0;
    await fix();
    assert.deepEqual(told, []);
    disk.full = false;
    await fix();
    assert.match(String(told.map(({ message }) => message)), /is fixed already/u);
    assert.match(await readFile(file(), "utf8"), /"split":"test"/u);
  });

  it("changes nothing where the file cannot be changed, and says so", async () => {
    disk.readOnly = true;
    await fix();
    assert.equal(await readFile(file(), "utf8"), text);
    assert.deepEqual(told, [
      { kind: "error", message: "texts.jsonl could not be changed: is it read-only?" },
    ]);
  });
});
