import { percent } from "../../percent";
import type { FromReport, ReportCell, ReportText, ToReport } from "../../protocol";
import { button, element } from "../label/dom";
import type { Words } from "./words";

interface Tools {
  readonly words: Words;
  readonly labels: readonly string[];
  post(message: FromReport): void;
}

/** Lists of the texts behind a figure: a press on a cell opens one below its table. */
export class TextLists {
  private asked = 0;
  /** Where the answer to a question goes. */
  private waiting: { ask: number; cell: ReportCell; place: HTMLElement; from: HTMLElement } | null = null;

  constructor(private readonly tools: Tools) {}

  /** Makes figures that have texts behind them open their list. */
  offer(root: ParentNode): void {
    for (const figure of root.querySelectorAll<HTMLElement>("[data-cell], a[data-pair]")) {
      const cell = cellOf(figure);
      if (cell === null) continue;
      const shown = figure.closest("svg") === null ? this.asButton(figure) : withKeys(figure);
      shown.addEventListener("click", (event) => {
        event.preventDefault();
        event.stopPropagation();
        this.open(cell, shown);
      });
    }
    const hint = this.tools.words.say("cells");
    for (const place of root.querySelectorAll("[data-hint=cells]")) place.textContent = hint;
  }

  take(message: Extract<ToReport, { type: "texts" }>): void {
    if (this.waiting?.ask !== message.ask) return;
    const { cell, place, from } = this.waiting;
    this.waiting = null;
    const { words } = this.tools;
    const close = button(words.say("close"), () => {
      list.remove();
      from.focus();
    });
    const heading = element("h3", { tabindex: -1 }, this.titleOf(cell, message.rows.length + message.more));
    const list = element(
      "div",
      { class: "behind" },
      element("div", { class: "behind-head" }, heading, close),
      element("ol", { class: "errors" }, ...message.rows.map((row) => textItem(row, this.tools))),
      message.more === 0 ? null : element("p", { class: "soft" }, words.say("rest", message.more)),
    );
    list.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close.click();
    });
    for (const other of document.querySelectorAll(".behind")) other.remove();
    place.after(list);
    heading.focus();
  }

  private asButton(figure: HTMLElement): HTMLElement {
    const made = element("button", { type: "button", class: "count" }, figure.textContent.trim());
    const cell = figure.closest("td");
    if (cell?.title) made.setAttribute("aria-label", cell.title);
    figure.replaceWith(made);
    return made;
  }

  private open(cell: ReportCell, from: HTMLElement): void {
    const place = from.closest<HTMLElement>(".scroll") ?? from;
    const next = place.nextElementSibling;
    this.waiting = {
      ...{ ask: ++this.asked, cell, from },
      place: next instanceof HTMLElement && next.classList.contains("copies") ? next : place,
    };
    this.tools.post({ type: "texts", ask: this.asked, cell });
  }

  private titleOf(cell: ReportCell, count: number): string {
    const { words, labels } = this.tools;
    if (cell.kind === "pair") return words.say("behind", labels[cell.truth]!, labels[cell.given]!, count);
    const word = ({ hit: "behindHit", missed: "behindMissed", false: "behindFalse" } as const)[cell.kind];
    return words.say(word, labels[cell.label]!, count);
  }
}

/** A part of a picture that is pressed by keys too, as a link in it is by itself. */
function withKeys(figure: HTMLElement): HTMLElement {
  if (figure.matches("a")) return figure;
  figure.setAttribute("tabindex", "0");
  figure.setAttribute("role", "button");
  figure.setAttribute("aria-label", figure.textContent.trim());
  figure.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    figure.dispatchEvent(new MouseEvent("click"));
  });
  return figure;
}

function cellOf({ dataset }: HTMLElement): ReportCell | null {
  if (dataset.pair !== undefined) {
    const [truth = 0, given = 0] = dataset.pair.split("-").map(Number);
    return { kind: "pair", truth, given };
  }
  const [kind, one, other] = (dataset.cell ?? "").split(" ");
  if (kind === "pair") return { kind, truth: Number(one), given: Number(other) };
  if (kind === "hit" || kind === "missed" || kind === "false") return { kind, label: Number(one) };
  return null;
}

/** A text, what was given and what is true, and the way to it. Everything enters as text. */
export function textItem(row: ReportText, tools: Pick<Tools, "words" | "post">): HTMLElement {
  const { words } = tools;
  const of = new Map(row.probabilities.map(({ label, probability }) => [label, probability]));
  const shown = (label: string, sign: string, kind: string, what: string) =>
    element(
      "span",
      {},
      element("span", { class: `mark ${kind}`, "aria-hidden": "true" }, sign),
      element("span", { class: "what" }, what),
      element("bdi", {}, label),
      percent(of.get(label) ?? null),
    );
  const both = row.predicted.filter((label) => row.truth.includes(label));
  const labels = [
    ...row.predicted
      .filter((label) => !both.includes(label))
      .map((label) => shown(label, "✗", "bad", words.say("given"))),
    ...row.truth
      .filter((label) => !both.includes(label))
      .map((label) => shown(label, "○", "good", words.say("true"))),
    ...both.map((label) => shown(label, "✓", "good", words.say("givenTrue"))),
  ];
  const item = element(
    "li",
    {},
    row.text === null
      ? element("p", { class: "soft" }, words.say(row.changed ? "changed" : "notAtHand", row.id))
      : element("div", { class: "body", dir: "auto" }, row.text),
    element("div", { class: "labels" }, ...labels, element("span", { class: "id" }, row.id)),
  );
  leadToEditor(item, tools);
  return item;
}

/** A press on a text, or on its id, opens it in the label editor. Selecting a part of it does not. */
export function leadToEditor(item: HTMLElement, { words, post }: Pick<Tools, "words" | "post">): void {
  const place = item.querySelector<HTMLElement>(".id");
  const id = place?.textContent.trim() ?? "";
  if (place === null || id === "") return;
  const open = () => post({ type: "open-example", id });
  const made = element("button", { type: "button", title: words.say("openExample") }, id);
  made.setAttribute("aria-label", `${words.say("openExample")}: ${id}`);
  made.addEventListener("click", open);
  place.replaceChildren(made);
  const body = item.querySelector<HTMLElement>(".body");
  body?.classList.add("leads");
  if (body !== null) body.title = words.say("openExample");
  body?.addEventListener("click", () => {
    if ((getSelection()?.toString() ?? "") === "") open();
  });
}
