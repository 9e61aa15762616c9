import { percent } from "../../percent";
import type { FromReport, ToReport } from "../../protocol";
import { element } from "../label/dom";
import { classMark } from "../label/marks";
import type { Words } from "./words";

/** Quiet after the last stroke before a text is asked about, in milliseconds. */
const QUIET = 250;
/** Labels in the task's order up to this many; beyond, the likeliest. */
const MOST_LABELS = 14;

type Tried = Extract<ToReport, { type: "tried" }>;

/** A box for a text, and what the adapter says of it while one types. */
export class TryIt {
  readonly root: HTMLElement;
  private readonly box: HTMLTextAreaElement;
  private readonly state: HTMLElement;
  private readonly answer: HTMLElement;
  private timer = 0;
  private started = false;

  constructor(
    private readonly opened: Extract<ToReport, { type: "opened" }>,
    private readonly words: Words,
    private readonly post: (message: FromReport) => void,
  ) {
    this.box = element("textarea", {
      ...{ rows: 4, dir: "auto", spellcheck: "false" },
      "aria-label": words.say("tryBox"),
      placeholder: words.say("tryBox"),
    });
    this.state = element("p", { class: "soft small", role: "status" }, words.say("tryHint"));
    this.answer = element("div", { class: "tried" });
    this.root = element(
      "section",
      { id: "try", "aria-labelledby": "try-title" },
      element("h2", { id: "try-title" }, words.say("tryTitle")),
      this.box,
      this.state,
      this.answer,
    );
    this.box.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => this.ask(), QUIET);
    });
  }

  take(message: Tried): void {
    if (message.text !== this.box.value.trim()) return; // another text stands there by now
    const { words } = this;
    this.state.textContent = message.cut ? words.say("tryCut") : this.inWords(message);
    this.answer.replaceChildren(
      message.output === null
        ? this.bars(message)
        : element("blockquote", { dir: "auto" }, message.output === "" ? "–" : message.output),
    );
  }

  fail(message: string): void {
    this.state.textContent = message === "" ? this.words.say("tryFailed") : message;
    this.answer.replaceChildren();
  }

  private ask(): void {
    const text = this.box.value.trim();
    if (text === "") {
      this.answer.replaceChildren();
      this.state.textContent = this.words.say("tryHint");
      return;
    }
    this.state.textContent = this.words.say(this.started ? "tryWaiting" : "tryStarting");
    this.started = true;
    this.post({ type: "try", text });
  }

  private chosen({ labels }: Tried): string[] {
    const { thresholds, labels: all } = this.opened;
    if (thresholds === null) return labels.slice(0, 1).map(({ label }) => label);
    const of = new Map(labels.map(({ label, probability }) => [label, probability]));
    return all.filter((label, at) => (of.get(label) ?? 0) >= thresholds[at]!);
  }

  private inWords(message: Tried): string {
    if (message.output !== null) return "";
    const of = new Map(message.labels.map(({ label, probability }) => [label, probability]));
    const chosen = this.chosen(message);
    if (chosen.length === 0) return this.words.say("tryNothing");
    return chosen.map((label) => `${label} ${percent(of.get(label) ?? null)}`).join(", ");
  }

  private bars(message: Tried): HTMLElement {
    const { words } = this;
    const all = this.opened.labels;
    const chosen = new Set(this.chosen(message));
    const few = all.length <= MOST_LABELS;
    const shown = few
      ? all.flatMap((name) => message.labels.filter(({ label }) => label === name))
      : message.labels.slice(0, MOST_LABELS);
    const rows = shown.map(({ label, probability }) => {
      const at = all.indexOf(label);
      const bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span"));
      (bar.firstElementChild as HTMLElement).style.inlineSize = `${100 * probability}%`;
      const threshold = this.opened.thresholds?.[at];
      if (threshold !== undefined) {
        const mark = element("i");
        mark.style.insetInlineStart = `${100 * threshold}%`;
        bar.append(mark);
      }
      return element(
        "tr",
        { class: chosen.has(label) ? "own" : null },
        element("th", { scope: "row" }, classMark(this.opened.signs[at] ?? null), element("bdi", {}, label)),
        element("td", { class: "bars" }, bar),
        element("td", {}, percent(probability)),
        element("td", { class: "left" }, chosen.has(label) ? `✓ ${words.say("tryGiven")}` : ""),
      );
    });
    const rest = message.labels.length - shown.length;
    return element(
      "div",
      {},
      element(
        "table",
        {},
        element("caption", { class: "hidden" }, words.say("tryTable")),
        element("tbody", {}, ...rows),
      ),
      rest > 0 ? element("p", { class: "soft small" }, words.say("tryOther", rest)) : null,
    );
  }
}
