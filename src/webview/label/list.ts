import type { LabelRow, LabelSign } from "../../protocol";
import { beginning, element } from "./dom";
import { classMark } from "./marks";
import { scrollFor, windowOf } from "./window";
import type { Words } from "./words";

/** Characters of a text in the list. */
const LISTED = 160;
/** Rows beside those in the page whose texts are to be known, and how many are asked for where they are not: a wheel brings a hundred rows a second. */
const NEAR = 60;
const FAR = 200;

export interface ListSource {
  readonly length: number;
  readonly position: number;
  lineAt(position: number): number | null;
}

export interface ListHooks {
  /** A row as far as it is known here. */
  row(line: number): LabelRow | undefined;
  /** Null for what is no label of the task. */
  signOf(label: string): LabelSign | null;
  /** Lines on the screen and about it that are not known yet. */
  want(lines: readonly number[]): void;
  choose(position: number): void;
  /** The choice is made: on to the text. */
  leave(): void;
}

/** All listed examples, of which only those on the screen stand in the page. */
export class ExampleList {
  readonly root: HTMLElement;
  private readonly space = element("div", { class: "space", role: "presentation" });
  private readonly drawn = new Map<number, HTMLElement>();
  private rowHeight = 28;
  private waiting = false;

  constructor(
    private readonly source: ListSource,
    private readonly words: Words,
    private readonly hooks: ListHooks,
  ) {
    this.root = element(
      "div",
      { class: "list", role: "listbox", tabindex: 0, "aria-label": words.say("list") },
      this.space,
    );
    this.root.addEventListener("scroll", () => this.draw(), { passive: true });
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    this.space.addEventListener("click", (event) => {
      const row = (event.target as HTMLElement).closest<HTMLElement>("[role=option]");
      if (row === null) return;
      hooks.choose(Number(row.dataset.position));
      hooks.leave();
    });
    new ResizeObserver(() => {
      this.rowHeight = parseFloat(getComputedStyle(this.root).getPropertyValue("--row")) || this.rowHeight;
      this.draw();
    }).observe(this.root);
  }

  /** Draws at the next frame: however often it is asked in one. */
  draw(): void {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.drawNow();
    });
  }

  /** Brings the current row into view. */
  reveal(): void {
    const { scrollTop, clientHeight } = this.root;
    if (clientHeight === 0) return;
    this.space.style.height = `${this.source.length * this.rowHeight}px`;
    this.root.scrollTop = scrollFor(this.source.position, scrollTop, clientHeight, this.rowHeight);
    this.draw();
  }

  private drawNow(): void {
    const { scrollTop, clientHeight } = this.root;
    const { length, position } = this.source;
    this.space.style.height = `${length * this.rowHeight}px`;
    const { first, end } = windowOf(scrollTop, clientHeight, this.rowHeight, length);
    for (const [at, row] of this.drawn) {
      if (at >= first && at < end) continue;
      row.remove();
      this.drawn.delete(at);
    }
    for (let at = first; at < end; at++) {
      const line = this.source.lineAt(at)!;
      const known = this.hooks.row(line);
      let row = this.drawn.get(at);
      if (row === undefined) {
        row = element("div", { role: "option", id: `row-${at}`, "data-position": at });
        row.style.top = `${at * this.rowHeight}px`;
        this.drawn.set(at, row);
        this.space.append(row);
      }
      row.setAttribute("aria-setsize", String(length));
      row.setAttribute("aria-posinset", String(at + 1));
      row.setAttribute("aria-selected", String(at === position));
      this.fill(row, line, known);
    }
    if (this.drawn.has(position)) this.root.setAttribute("aria-activedescendant", `row-${position}`);
    else this.root.removeAttribute("aria-activedescendant");
    if (this.unknown(first - NEAR, end + NEAR).length > 0)
      this.hooks.want(this.unknown(first - FAR, end + FAR));
  }

  /** Lines between two positions whose rows are not known here. */
  private unknown(first: number, end: number): number[] {
    const lines: number[] = [];
    for (let at = Math.max(0, first); at < Math.min(end, this.source.length); at++) {
      const line = this.source.lineAt(at)!;
      if (this.hooks.row(line) === undefined) lines.push(line);
    }
    return lines;
  }

  private fill(place: HTMLElement, line: number, row: LabelRow | undefined): void {
    const number = element("span", { class: "number" }, String(line + 1));
    if (row === undefined) {
      place.replaceChildren(number, element("span", { class: "beginning" }, "…"));
      return;
    }
    place.dataset.state = row.state;
    place.replaceChildren(
      number,
      this.sign(row),
      element("span", { class: "beginning", dir: "auto" }, beginning(row.text, LISTED)),
      element("span", { class: "given" }, this.given(row)),
    );
  }

  private sign(row: LabelRow): HTMLElement {
    if (row.state === "answered" && row.answer[0] !== undefined) {
      const sign = this.hooks.signOf(row.answer[0]);
      if (sign !== null) return classMark(sign);
    }
    const sign = { broken: "!", skipped: "⤼", open: "○", answered: "✓" }[row.state];
    return element("span", { class: "mark", "aria-hidden": "true" }, sign);
  }

  private given(row: LabelRow): string {
    if (row.state === "broken") return this.words.say("broken");
    if (row.state === "skipped") return this.words.say("skipped");
    if (row.state === "open") return "";
    return row.answer.length === 0 ? this.words.say("noLabel") : row.answer.join(", ");
  }

  private onKey(event: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.root.clientHeight / this.rowHeight) - 1);
    const { position, length } = this.source;
    const targets: Readonly<Record<string, number>> = {
      ArrowUp: position - 1,
      ArrowDown: position + 1,
      PageUp: position - page,
      PageDown: position + page,
      Home: 0,
      End: length - 1,
    };
    const target = targets[event.key];
    const enter = event.key === "Enter";
    if ((target === undefined && !enter) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (target === undefined) this.hooks.leave();
    else this.hooks.choose(target);
  }
}
