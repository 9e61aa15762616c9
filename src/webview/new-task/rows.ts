import type { NewTaskUse, NewTaskView } from "../../new-task-protocol";
import { element } from "../label/dom";
import { select } from "./fields";
import { Slot } from "./slot";
import type { Words } from "./words";

const USES: readonly NewTaskUse[] = ["text", "answer", "id", "group", "split", "keep", "none"];

/** The first rows as they were understood, with what each column is for. */
export class Rows {
  private readonly slot: Slot;
  private readonly more = element("p", { class: "hint", hidden: true });
  private readonly group = element("p", { class: "hint", hidden: true });
  readonly root: HTMLElement;

  constructor(
    private readonly words: Words,
    file: string,
    private readonly use: (column: number, use: NewTaskUse) => void,
  ) {
    const label = words.say("rows", file);
    this.slot = new Slot(element("div", { class: "rows", role: "region", tabindex: 0, "aria-label": label }));
    this.root = element("div", {}, this.slot.root, this.more, this.group);
  }

  show({ columns, first, moreColumns }: NewTaskView): void {
    this.slot.root.style.setProperty("--others", String(columns.length - 1));
    this.slot.show([columns, first], () => [
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...columns.map((column, at) => this.head(column, at)))),
        element(
          "tbody",
          {},
          ...first.map((row) =>
            element(
              "tr",
              {},
              ...row.map((cell, at) =>
                element("td", { dir: "auto", title: cell, "data-use": columns[at]?.use ?? "none" }, cell),
              ),
            ),
          ),
        ),
      ),
    ]);
    const group = columns.find(({ use }) => use === "group");
    this.group.hidden = group === undefined;
    this.group.textContent = group === undefined ? "" : this.words.say("groupHint", group.name);
    this.more.hidden = moreColumns === 0;
    this.more.textContent = this.words.say("moreColumns", moreColumns);
  }

  private head({ name, use, reserved }: NewTaskView["columns"][number], at: number): HTMLElement {
    const { words } = this;
    const choices = USES.filter((one) => one !== "keep" || !reserved || use === "keep").map((value) => ({
      value,
      word: words.say(
        (
          {
            text: "useText",
            answer: "useAnswer",
            id: "useId",
            group: "useGroup",
            split: "useSplit",
            keep: "useKeep",
            none: "useNone",
          } as const
        )[value],
      ),
    }));
    return element(
      "th",
      { scope: "col", "data-use": use },
      element("span", { class: "column", dir: "auto", title: name }, name),
      select(`use-${at}`, words.say("columnUse", name), choices, use, (value) =>
        this.use(at, value as NewTaskUse),
      ),
    );
  }
}
