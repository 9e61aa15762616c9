import type { NewTaskReading, NewTaskReadingChange } from "../../new-task-protocol";
import { element } from "../label/dom";
import { named, select, type Choice } from "./fields";
import { Slot } from "./slot";
import type { Words } from "./words";

const ENCODINGS = ["utf-8", "utf-16le", "utf-16be", "windows-1251", "windows-1252", "iso-8859-1"];
const TOOLS: Readonly<Record<string, string>> = {
  prodigy: "Prodigy",
  "label-studio": "Label Studio",
  doccano: "doccano",
  argilla: "Argilla",
};

/** How the file was read, each of it to be changed. */
export class ReadingControls {
  private readonly slot = new Slot(element("div", { class: "reading" }));
  readonly root = this.slot.root;

  constructor(
    private readonly words: Words,
    private readonly change: (change: NewTaskReadingChange) => void,
  ) {}

  show(reading: NewTaskReading): void {
    this.slot.show(reading, () => this.controls(reading));
  }

  private controls(reading: NewTaskReading): HTMLElement[] {
    const { words } = this;
    const { format, encoding, delimiter, header, sheet, sheets, tool } = reading;
    const controls: HTMLElement[] = [
      named(
        words.say("format"),
        select("format", null, this.formats(format), format, (value) => this.change({ format: value })),
      ),
    ];
    if (encoding !== null)
      controls.push(
        named(
          words.say("encoding"),
          select("encoding", null, plain(ENCODINGS), encoding, (value) => this.change({ encoding: value })),
        ),
      );
    if (delimiter !== null)
      controls.push(
        named(
          words.say("delimiter"),
          select("delimiter", null, this.delimiters(delimiter), delimiter, (value) =>
            this.change({ delimiter: value }),
          ),
        ),
      );
    if (sheet !== null && sheets.length > 1)
      controls.push(
        named(
          words.say("sheet"),
          select("sheet", null, plain(sheets), sheet, (value) => this.change({ sheet: value })),
        ),
      );
    if (header !== null)
      controls.push(this.box("header", words.say("header"), header, (on) => this.change({ header: on })));
    if (tool !== null || reading.asItStands) {
      const word = tool === null ? words.say("toolAsItStands") : words.say("tool", TOOLS[tool] ?? tool);
      controls.push(element("p", { class: "tool" }, word));
      controls.push(
        this.box("as-it-stands", words.say("asItStands"), reading.asItStands, (on) =>
          this.change({ asItStands: on }),
        ),
      );
    }
    return controls;
  }

  private formats(now: string): Choice[] {
    const { words } = this;
    const all: Choice[] = [
      { value: "csv", word: words.say("formatCsv") },
      { value: "text", word: words.say("formatText") },
      { value: "jsonl", word: words.say("formatJsonl") },
      { value: "json", word: words.say("formatJson") },
      { value: "xlsx", word: words.say("formatXlsx") },
      { value: "parquet", word: words.say("formatParquet") },
    ];
    if (now === "folder") return [{ value: "folder", word: words.say("formatFolder") }];
    return now === "" ? [{ value: "", word: "–", disabled: true }, ...all] : all;
  }

  private delimiters(now: string): Choice[] {
    const { words } = this;
    const all = [
      { value: ",", word: `, (${words.say("comma")})` },
      { value: ";", word: `; (${words.say("semicolon")})` },
      { value: "\t", word: words.say("tab") },
      { value: "|", word: "|" },
      { value: "^", word: "^" },
    ];
    return all.some(({ value }) => value === now) ? all : [...all, { value: now, word: now }];
  }

  private box(id: string, word: string, on: boolean, changed: (on: boolean) => void): HTMLElement {
    const made = element("input", { type: "checkbox", "data-id": id, checked: on });
    made.checked = on;
    made.addEventListener("change", () => changed(made.checked));
    return element("label", { class: "box" }, made, element("span", {}, word));
  }
}

const plain = (values: readonly string[]): Choice[] => values.map((value) => ({ value, word: value }));
