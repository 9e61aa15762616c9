import type {
  FromNewTask,
  NewTaskColor,
  NewTaskLabel,
  NewTaskView,
  NewTaskWord,
} from "../../new-task-protocol";
import { button, element } from "../label/dom";
import { classMark } from "../label/marks";
import { fill, line, select } from "./fields";
import { Slot } from "./slot";
import type { Words } from "./words";

/** In the order of the list. */
const COLORS = {
  "": "colorByPlace",
  ...{ blue: "colorBlue", yellow: "colorYellow", green: "colorGreen", purple: "colorPurple" },
  ...{ red: "colorRed", orange: "colorOrange" },
} as const satisfies Record<NewTaskColor | "", NewTaskWord>;

/** The labels of the task: renamed, described, coloured, moved, added. */
export class Labels {
  private readonly slot = new Slot(element("ol", { class: "labels" }));
  private readonly nothing: HTMLElement;
  private readonly more = element("p", { class: "hint", hidden: true });
  private readonly adding: HTMLInputElement;
  private rows: {
    sign: HTMLElement;
    color: HTMLSelectElement;
    name: HTMLInputElement;
    description: HTMLInputElement;
    about: HTMLElement;
  }[] = [];
  /** Control to focus as soon as the labels have moved. */
  private wanted: string | null = null;
  readonly root: HTMLElement;

  constructor(
    private readonly words: Words,
    private readonly post: (message: FromNewTask) => void,
  ) {
    this.nothing = element("p", { class: "hint" }, words.say("noLabelsYet"));
    this.adding = line("new-label", () => undefined);
    this.adding.placeholder = words.say("newLabel");
    this.adding.setAttribute("aria-label", words.say("newLabel"));
    this.adding.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.add();
    });
    const add = button(words.say("addLabel"), () => this.add());
    add.className = "quiet";
    this.root = element(
      "fieldset",
      { class: "label-set" },
      element("legend", {}, words.say("labels")),
      element("p", { class: "hint" }, words.say("labelsHint")),
      this.nothing,
      this.slot.root,
      this.more,
      element("div", { class: "adding" }, this.adding, add),
    );
  }

  focusNew(): void {
    this.adding.focus();
  }

  show({ labels, moreLabels, kind }: NewTaskView): void {
    this.root.hidden = kind === "generation";
    this.nothing.hidden = labels.length > 0;
    const shape = labels.map(({ found, count, dropped }) => [found, count, dropped]);
    this.slot.show(shape, () => {
      this.rows = [];
      return labels.map((label, at) => this.row(label, at, labels.length));
    });
    labels.forEach((label, at) => {
      const row = this.rows[at]!;
      row.sign.replaceChildren(label.sign === null ? "" : classMark(label.sign));
      // What comes back while one goes through the list is older than what is chosen there.
      if (document.activeElement !== row.color) row.color.value = label.color ?? "";
      row.color.title = this.words.say("colorOf", label.name);
      row.color.setAttribute("aria-label", row.color.title);
      fill(row.name, label.name);
      fill(row.description, label.description);
      row.description.setAttribute("aria-label", this.words.say("descriptionOf", label.name));
      const renamed = label.found !== null && label.found !== label.name.trim();
      row.about.textContent =
        label.found === null || !(renamed || label.dropped)
          ? ""
          : this.words.say(label.dropped ? "labelDropped" : "merged", label.found);
      row.about.hidden = row.about.textContent === "";
    });
    this.more.hidden = moreLabels === 0;
    this.more.textContent = this.words.say("moreLabels", moreLabels);
    if (this.wanted !== null) this.slot.focus(this.wanted);
    this.wanted = null;
  }

  private row(label: NewTaskLabel, at: number, count: number): HTMLElement {
    const { words } = this;
    const name = line(`label-${at}`, (value) => this.post({ type: "label", at, name: value }));
    name.value = label.name;
    name.setAttribute("aria-label", words.say("labelName", at + 1));
    const description = line(`description-${at}`, (value) =>
      this.post({ type: "label", at, description: value }),
    );
    description.value = label.description;
    description.placeholder = words.say("description");
    for (const [field, id] of [
      [name, "label"],
      [description, "description"],
    ] as const)
      field.addEventListener("keydown", (event) => this.onKey(event, id, at, count));
    const about = element("span", { class: "renamed", hidden: true });
    const sign = element("span", {});
    const color = this.colors(label, at);
    this.rows.push({ sign, color, name, description, about });
    name.hidden = description.hidden = label.dropped;
    const move = (to: number, sign: string, word: string, id: string) => {
      const made = button(word, () => this.move(at, to, id));
      made.classList.add("icon");
      made.dataset.id = `${id}-${at}`;
      made.title = word;
      made.setAttribute("aria-label", word);
      made.replaceChildren(element("span", { "aria-hidden": "true" }, sign));
      if (to < 0 || to >= count) made.setAttribute("aria-disabled", "true");
      return made;
    };
    const away = words.say(label.dropped ? "labelBack" : "remove", label.found ?? label.name);
    const remove = button(away, () => {
      this.post({ type: label.dropped ? "label-back" : "remove-label", at });
      if (label.found === null) this.adding.focus();
    });
    remove.classList.add("icon");
    // The focus stays on it, where a label of the file goes and comes back.
    remove.dataset.id = `remove-${at}`;
    remove.title = away;
    remove.setAttribute("aria-label", away);
    remove.replaceChildren(element("span", { "aria-hidden": "true" }, label.dropped ? "↶" : "✕"));
    return element(
      "li",
      { "data-dropped": label.dropped ? "" : null },
      element("span", { class: "sign" }, sign, color),
      element("span", { class: "name" }, name, about),
      description,
      element("span", { class: "count" }, label.found === null ? "" : words.number(label.count)),
      element(
        "span",
        { class: "moves" },
        move(at - 1, "↑", words.say("moveUp", label.name), "up"),
        move(at + 1, "↓", words.say("moveDown", label.name), "down"),
        remove,
      ),
    );
  }

  /** The list of colours, which lies unseen over the label's sign. */
  private colors(label: NewTaskLabel, at: number): HTMLSelectElement {
    const choices = Object.entries(COLORS).map(([value, word]) => ({ value, word: this.words.say(word) }));
    return select(`color-${at}`, null, choices, label.color ?? "", (value) =>
      this.post({ type: "label-color", at, color: value === "" ? null : (value as NewTaskColor) }),
    );
  }

  private move(from: number, to: number, id: string): void {
    this.wanted = `${id}-${to}`;
    this.slot.forget();
    this.post({ type: "move-label", from, to });
  }

  /** Enter goes on to the next label; Alt with an arrow moves the label. */
  private onKey(event: KeyboardEvent, id: string, at: number, count: number): void {
    if (event.key === "Enter") {
      event.preventDefault();
      const next = this.rows.findIndex(({ name }, place) => place > at && !name.hidden);
      if (next >= 0) this.slot.focus(`${id}-${next}`);
      else this.adding.focus();
    } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      const to = event.key === "ArrowUp" ? at - 1 : at + 1;
      if (to >= 0 && to < count) this.move(at, to, id);
    }
  }

  private add(): void {
    this.post({ type: "add-label", name: this.adding.value });
    this.adding.value = "";
    this.adding.focus();
  }
}
