import type { LabelRow, LabelTask, Suggestion, ToLabel } from "../../protocol";
import { beginning, button, element } from "./dom";
import type { Words } from "./words";

/** Characters of a text shown at first: a page of any length stays quick. */
const FIRST_PART = 20_000;

type LeftOut = Extract<ToLabel, { type: "left-out" }>;

/** The text to be judged, what is known of it, and why it is shown. */
export class Card {
  readonly root: HTMLElement;
  private readonly note: HTMLInputElement;
  private readonly text = element("div", { class: "text", dir: "auto" });
  private readonly facts = element("p", { class: "facts" });
  private readonly notices = element("div", { class: "notices" });
  private readonly noteLine: HTMLElement;
  private readonly rest: HTMLElement;
  private shown: { line: number; text: string } | null = null;
  /** What the model does not read of the text shown. */
  private leftOut: LeftOut | null = null;
  private row: LabelRow | undefined;

  constructor(
    private readonly task: LabelTask,
    private readonly words: Words,
    private readonly hooks: {
      writeNote(row: LabelRow, note: string): void;
      openText(line: number): void;
      /** Null where the file cannot be changed. */
      readonly removeLine: ((row: LabelRow) => void) | null;
    },
  ) {
    this.note = element("input", {
      type: "text",
      dir: "auto",
      "aria-label": words.say("note"),
      placeholder: words.say("noteHint"),
    });
    this.note.addEventListener("keydown", (event) => this.onNoteKey(event));
    this.note.addEventListener("blur", () => this.writeNote());
    this.noteLine = element("label", { class: "note", hidden: true }, words.say("note"), this.note);
    this.rest = element("p", { class: "rest", hidden: true });
    this.root = element(
      "section",
      { class: "card", tabindex: 0, "aria-label": words.say("text") },
      element("div", { class: "column" }, this.facts, this.notices, this.text, this.rest, this.noteLine),
    );
  }

  focus(): void {
    this.root.focus({ preventScroll: true });
  }

  /** @param position From 0, in a list of `count`. */
  show(row: LabelRow, position: number, count: number): void {
    const moved = this.shown?.line !== row.line;
    if (moved) {
      this.writeNote();
      this.root.scrollTop = 0;
    }
    this.row = row;
    if (moved || this.shown?.text !== row.text) {
      this.leftOut = null;
      this.showText(row);
    }
    this.shown = { line: row.line, text: row.text };
    this.root.dataset.state = row.state;
    this.showFacts(row, position, count);
    this.showNotices(row);
    if (document.activeElement !== this.note) {
      this.note.value = row.note;
      this.noteLine.hidden = row.note === "";
    }
  }

  /** Marks what the model does not read of the text on the screen. */
  showLeftOut(leftOut: LeftOut): void {
    const { row } = this;
    if (row?.line !== leftOut.line || row.id !== leftOut.id) return;
    this.leftOut = leftOut;
    this.showText(row);
    this.showNotices(row);
  }

  /** Where nothing is listed. */
  clear(message: string): void {
    this.writeNote();
    this.row = undefined;
    this.shown = null;
    this.facts.replaceChildren();
    this.notices.replaceChildren();
    this.rest.hidden = true;
    this.noteLine.hidden = true;
    delete this.root.dataset.state;
    this.text.replaceChildren(element("span", { class: "soft" }, message));
  }

  editNote(): void {
    this.noteLine.hidden = false;
    this.note.focus();
  }

  private showText({ text, whole }: LabelRow): void {
    const first = beginning(text, FIRST_PART);
    const long = text.length > FIRST_PART;
    this.fill(first);
    this.rest.hidden = !long && whole;
    if (this.rest.hidden) return;
    const all = button(this.words.say("showRest", text.length - first.length), () => {
      this.showWhole(text);
      this.focus();
    });
    all.className = "link";
    this.rest.replaceChildren(long ? all : this.words.say("loading"));
  }

  private showWhole(text: string): void {
    this.fill(text);
    this.rest.hidden = true;
  }

  /** Shows a text, or its beginning, with marks where the model stops reading and goes on. */
  private fill(text: string): void {
    const { leftOut } = this;
    if (leftOut === null || leftOut.from >= text.length) {
      this.text.textContent = text;
      return;
    }
    const mark = (word: "leftOutBegin" | "leftOutEnd") =>
      element("span", { class: "reach", "data-mark": word }, this.words.say(word));
    const unread = element("span", { class: "unread" }, text.slice(leftOut.from, leftOut.to));
    const rest = leftOut.to < text.length ? [mark("leftOutEnd"), text.slice(leftOut.to)] : [];
    this.text.replaceChildren(text.slice(0, leftOut.from), mark("leftOutBegin"), unread, ...rest);
  }

  private toLeftOut(): void {
    const { row, leftOut } = this;
    if (row !== undefined && leftOut !== null && leftOut.from >= FIRST_PART) this.showWhole(row.text);
    this.text.querySelector(".reach")?.scrollIntoView({ block: "center" });
    this.focus();
  }

  private showFacts(row: LabelRow, position: number, count: number): void {
    const { words } = this;
    this.facts.replaceChildren(
      element("span", {}, words.say("place", position + 1, count)),
      ...(row.id === "" ? [] : [element("span", { class: "id", dir: "auto" }, row.id)]),
      ...(row.test
        ? [element("span", { class: "badge", title: words.say("testHint") }, words.say("test"))]
        : []),
      ...(row.state === "skipped" ? [element("span", { class: "badge" }, words.say("skipped"))] : []),
      ...(row.state === "answered" && row.answer.length === 0
        ? [element("span", { class: "badge" }, words.say("noLabel"))]
        : []),
    );
  }

  private showNotices(row: LabelRow): void {
    const notices: (HTMLElement | string)[][] = [];
    if (row.problem !== null) {
      const open = button(this.words.say("openText"), () => this.hooks.openText(row.line));
      open.className = "link";
      const { removeLine } = this.hooks;
      const remove = button(this.words.say("removeLine"), () => removeLine?.(row));
      remove.className = "link";
      notices.push([
        ...[this.words.say("brokenLine", row.line + 1, row.problem), " ", open],
        ...(removeLine === null ? [] : [" · ", remove]),
      ]);
    }
    if (this.leftOut !== null) {
      const show = button(this.words.say("leftOutShow"), () => this.toLeftOut());
      show.className = "link";
      notices.push([this.words.say("leftOut", this.leftOut.to - this.leftOut.from), " ", show]);
    }
    const known = new Set(this.task.labels.map(({ name }) => name));
    const strange = this.task.kind === "generation" ? [] : row.answer.filter((label) => !known.has(label));
    if (strange.length > 0) notices.push([this.words.say("strangeLabel", strange.join(", "))]);
    this.notices.replaceChildren(...notices.map((parts) => element("p", { class: "notice" }, ...parts)));
  }

  private onNoteKey(event: KeyboardEvent): void {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") this.note.value = this.row?.note ?? "";
    this.focus();
  }

  /** Writes down the note that was typed. */
  writeNote(): void {
    const { row } = this;
    const note = this.note.value.trim();
    if (row === undefined || note === row.note) {
      this.noteLine.hidden = (row?.note ?? "") === "";
      return;
    }
    this.row = { ...row, note };
    this.noteLine.hidden = note === "";
    this.hooks.writeNote(row, note);
  }
}

/** Below the text: why it is shown, and what the last adapter would say. Takes the same room whatever it says. */
export class Reasons {
  readonly root = element("div", { class: "reasons" });
  private readonly why = element("p", { class: "why" });
  private readonly line = element("p", { class: "suggestion", "aria-live": "polite" });

  constructor(private readonly words: Words) {
    this.root.append(this.why, this.line);
  }

  show(row: LabelRow | undefined): void {
    this.why.textContent = row === undefined ? "" : this.words.why(row.why);
    this.why.title = this.why.textContent;
    if (row !== undefined) this.why.dataset.kind = row.why.kind;
  }

  /** Null where suggestions are off. */
  suggest(suggestion: Suggestion | null): void {
    this.line.hidden = suggestion === null;
    this.line.dataset.state = suggestion?.state ?? "off";
    this.line.textContent = suggestion === null ? "" : this.words.suggestion(suggestion);
    this.line.title = this.line.textContent;
  }
}
