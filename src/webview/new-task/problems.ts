import type { NewTaskView } from "../../new-task-protocol";
import { button, element } from "../label/dom";
import { Slot } from "./slot";
import type { Words } from "./words";

const SIGNS = { error: "✗", warning: "!", info: "·" } as const;

/** What could not be taken as it is, each with its line. */
export class Problems {
  private readonly slot: Slot;
  private readonly title = element("summary", { "data-id": "problems" });
  readonly root: HTMLDetailsElement;
  /** Whether it was opened already because something was left out; after that it is the person's. */
  private pointedOut = false;

  constructor(
    private readonly words: Words,
    private readonly openLine: (line: number) => void,
  ) {
    this.slot = new Slot(element("ul", { tabindex: 0, "aria-label": words.say("problems", "") }));
    this.root = element("details", { class: "problems", hidden: true }, this.title, this.slot.root);
  }

  /** Opens the list and brings it to the person's notice. */
  reveal(): void {
    this.root.open = true;
    this.root.scrollIntoView({ block: "nearest" });
    this.title.focus();
  }

  show({ problems, problemCount, openable }: NewTaskView): void {
    const { words } = this;
    this.root.hidden = problemCount === 0;
    this.title.textContent = words.say("problems", problemCount);
    if (!this.pointedOut && problems.some(({ severity }) => severity === "error")) {
      this.pointedOut = true;
      this.root.open = true;
    }
    this.slot.show([problems, problemCount, openable], () => [
      ...problems.map(({ line, severity, message }) => {
        const where = line === null ? null : words.say("openLine", line);
        return element(
          "li",
          { "data-severity": severity },
          element("span", { class: "sign", "aria-hidden": "true" }, SIGNS[severity]),
          element(
            "span",
            {},
            where === null || line === null ? null : openable ? this.link(where, line) : where,
            where === null ? null : ": ",
            message,
          ),
        );
      }),
      ...(problemCount > problems.length
        ? [element("li", { class: "soft" }, words.say("moreProblems", problemCount - problems.length))]
        : []),
    ]);
  }

  private link(word: string, line: number): HTMLElement {
    const made = button(word, () => this.openLine(line));
    made.className = "link";
    return made;
  }
}
