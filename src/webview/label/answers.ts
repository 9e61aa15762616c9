import type { LabelRow, LabelTask } from "../../protocol";
import { element } from "./dom";
import { labelKeys } from "./keys";
import { classMark } from "./marks";
import type { Words } from "./words";

/** With more labels than these, a box finds them by name. */
export const MANY_LABELS = 12;

/** Labels as buttons that never move, each with its key. */
export class LabelButtons {
  readonly root = element("div", { class: "labels" });
  private readonly buttons: readonly HTMLButtonElement[];
  private readonly keys: readonly (string | null)[];
  private readonly finder: HTMLInputElement | null;

  constructor(
    private readonly task: LabelTask,
    private readonly words: Words,
    private readonly press: (label: string) => void,
  ) {
    this.keys = labelKeys(task.labels.length);
    this.buttons = task.labels.map((label, at) => this.make(label, at));
    const group = element(
      "div",
      { class: "choices", role: "group", "aria-label": words.say("labels") },
      ...this.buttons.map((made, at) => this.choice(made, at)),
    );
    this.finder = task.labels.length > MANY_LABELS ? this.makeFinder() : null;
    this.root.append(...(this.finder === null ? [] : [this.finder]), group);
  }

  /** The label of a key; null where none has it. */
  labelOf(key: string): string | null {
    const at = this.keys.indexOf(key);
    return at < 0 ? null : (this.task.labels[at]?.name ?? null);
  }

  findLabel(): void {
    this.finder?.focus();
  }

  show(row: LabelRow | undefined, enabled: boolean): void {
    const given = new Set(row?.answer ?? []);
    this.buttons.forEach((made, at) => {
      made.setAttribute("aria-pressed", String(given.has(this.task.labels[at]!.name)));
      made.setAttribute("aria-disabled", String(!enabled));
    });
  }

  /** A label's button, with what it means beneath it. */
  private choice(made: HTMLButtonElement, at: number): HTMLElement {
    const description = this.task.labels[at]?.description ?? "";
    const about =
      description === ""
        ? null
        : element("p", { class: "about", id: `about-${at}`, dir: "auto" }, description);
    return element("div", { class: "choice" }, made, about);
  }

  private make({ name, description, sign }: LabelTask["labels"][number], at: number): HTMLButtonElement {
    const key = this.keys[at] ?? null;
    const made = element(
      "button",
      {
        type: "button",
        class: "label",
        "aria-pressed": "false",
        "aria-keyshortcuts": key,
        "aria-describedby": description === "" ? null : `about-${at}`,
        title: description === "" ? null : description,
      },
      element("kbd", { "aria-hidden": "true" }, key?.toUpperCase() ?? ""),
      classMark(sign),
      element("span", { class: "name", dir: "auto" }, name),
    );
    made.addEventListener("click", () => {
      if (made.getAttribute("aria-disabled") !== "true") this.press(name);
    });
    return made;
  }

  /** Typing hides what does not match; Enter gives the first that does. */
  private makeFinder(): HTMLInputElement {
    const box = element("input", {
      type: "text",
      class: "finder",
      placeholder: this.words.say("findLabel"),
      "aria-label": this.words.say("findLabel"),
      "aria-keyshortcuts": "l",
      spellcheck: "false",
    });
    const sieve = () => {
      const wanted = box.value.trim().toLowerCase();
      this.buttons.forEach((made, at) => {
        made.parentElement!.hidden = !this.task.labels[at]!.name.toLowerCase().includes(wanted);
      });
    };
    box.addEventListener("input", sieve);
    box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      const first = this.buttons.findIndex((made) => !made.parentElement!.hidden);
      if (first >= 0) this.press(this.task.labels[first]!.name);
      box.value = "";
      sieve();
      if (this.task.kind === "single") box.blur();
    });
    box.addEventListener("blur", () => {
      box.value = "";
      sieve();
    });
    return box;
  }
}

/** Quiet after the last stroke before what was typed is written down, in milliseconds. */
const QUIET = 1500;

/** The answer in words of a generation task. Written down when typing rests, the field is left, or one moves on. */
export class AnswerField {
  readonly root = element("div", { class: "labels" });
  private readonly field: HTMLTextAreaElement;
  private timer = 0;
  private row: LabelRow | undefined;

  constructor(
    words: Words,
    private readonly write: (row: LabelRow, answer: string | null) => void,
    moveOn: () => void,
  ) {
    this.field = element("textarea", {
      class: "answer",
      rows: 3,
      dir: "auto",
      placeholder: words.say("answerHint"),
      "aria-label": words.say("answer"),
    });
    this.field.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.commit(), QUIET);
    });
    this.field.addEventListener("blur", () => this.commit());
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      event.stopPropagation();
      this.commit();
      moveOn();
    });
    this.root.append(this.field);
  }

  focus(): void {
    this.field.focus();
  }

  /** Puts a text into the field, as if it had been typed. */
  fill(text: string): void {
    this.field.value = text;
    this.commit();
  }

  show(row: LabelRow | undefined, enabled: boolean): void {
    if (row?.id !== this.row?.id) this.commit();
    const answer = row?.answer[0] ?? "";
    const typing = document.activeElement === this.field && this.row?.id === row?.id;
    // What comes back while one types is older than what stands here.
    if (!typing || this.field.value.trim() === (this.row?.answer[0] ?? "").trim()) this.field.value = answer;
    this.row = row;
    this.field.readOnly = !enabled;
  }

  /** Writes down what was typed. */
  commit(): void {
    clearTimeout(this.timer);
    const { row } = this;
    const typed = this.field.value;
    if (row === undefined || this.field.readOnly || typed === (row.answer[0] ?? "")) return;
    const answer = typed.trim() === "" ? null : typed;
    if (answer === null && row.answer.length === 0) return;
    this.row = { ...row, answer: answer === null ? [] : [answer] };
    this.write(row, answer);
  }
}
