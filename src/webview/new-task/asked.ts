import type { FromNewTask, NewTaskKind, NewTaskView } from "../../new-task-protocol";
import { element } from "../label/dom";
import { fill, line, named, select } from "./fields";
import { Slot } from "./slot";
import type { Words } from "./words";

const SEPARATORS = [";", ",", "|", "#", "\n"];

/** What is asked of a text: name, question, kind of answer. */
export class Asked {
  readonly name: HTMLInputElement;
  private readonly instruction: HTMLInputElement;
  private readonly kinds = new Map<NewTaskKind, HTMLInputElement>();
  private readonly separator = new Slot(element("div", { class: "separator" }));
  readonly root: HTMLElement;

  constructor(
    private readonly words: Words,
    private readonly post: (message: FromNewTask) => void,
  ) {
    const write = (field: "name" | "instruction") => (value: string) =>
      post({ type: "write-in", field, value });
    this.name = line("name", write("name"));
    this.instruction = line("instruction", write("instruction"));
    this.root = element(
      "div",
      { class: "asked" },
      named(words.say("name"), this.name),
      named(words.say("instruction"), this.instruction, words.say("instructionHint")),
      element(
        "fieldset",
        { class: "kinds" },
        element("legend", {}, words.say("kind")),
        this.kind("single", words.say("kindSingle"), words.say("kindSingleHint")),
        this.kind("multi", words.say("kindMulti"), words.say("kindMultiHint")),
        this.kind("generation", words.say("kindGeneration"), words.say("kindGenerationHint")),
      ),
      this.separator.root,
    );
  }

  show(view: NewTaskView): void {
    const { words } = this;
    fill(this.name, view.name);
    fill(this.instruction, view.instruction);
    for (const [kind, input] of this.kinds) input.checked = kind === view.kind;
    const { separable, separator } = view;
    this.separator.root.hidden = !separable;
    this.separator.show([separable, separator], () => {
      const all =
        separator === null || SEPARATORS.includes(separator) ? SEPARATORS : [...SEPARATORS, separator];
      const choices = [
        { value: "", word: words.say("noSeparator") },
        ...all.map((value) => ({ value, word: value === "\n" ? "↵" : value })),
      ];
      return [
        named(
          words.say("separator"),
          select("separator", null, choices, separator ?? "", (value) =>
            this.post({ type: "separator", separator: value === "" ? null : value }),
          ),
        ),
      ];
    });
  }

  private kind(kind: NewTaskKind, word: string, hint: string): HTMLElement {
    const input = element("input", { type: "radio", name: "kind", value: kind, "data-id": `kind-${kind}` });
    input.addEventListener("change", () => this.post({ type: "kind", kind }));
    this.kinds.set(kind, input);
    return element(
      "label",
      { class: "box" },
      input,
      element("span", {}, word, element("span", { class: "soft" }, `: ${hint}`)),
    );
  }
}
