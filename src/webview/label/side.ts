import type {
  ClassProgress,
  LabelFilter,
  LabelOrder,
  LabelProgress,
  LabelTask,
  LabelView,
} from "../../protocol";
import { element } from "./dom";
import { classMark } from "./marks";
import type { Words } from "./words";

/** Quiet after the last stroke before a search begins, in milliseconds. */
const QUIET = 150;

/** Order, filter and search. */
export class Controls {
  readonly root: HTMLElement;
  readonly search: HTMLInputElement;
  private readonly order: HTMLSelectElement;
  private readonly filter: HTMLSelectElement;
  private readonly filters: readonly { filter: LabelFilter; word: string }[];

  constructor(
    task: LabelTask,
    known: {
      readonly folds: boolean;
      readonly run: boolean;
      readonly held: boolean;
      readonly fixed: boolean;
    },
    words: Words,
    changed: (view: LabelView) => void,
    toText: () => void,
  ) {
    this.filters = filtersOf(task, known, words);
    const judged = known.fixed && (known.folds || known.held);
    const hint = known.fixed ? "foldsHint" : "fixTestHint";
    const orders: [LabelOrder, string, boolean][] = [
      ["file", words.say("orderFile"), true],
      ["random", words.say("orderRandom"), true],
      ["uncertain", words.say("orderUncertain"), judged],
      ["disagree", words.say("orderDisagree"), judged],
    ];
    this.order = element(
      "select",
      { "aria-label": words.say("order"), title: judged ? words.say("order") : words.say(hint) },
      ...orders
        .filter(([name]) => task.kind !== "generation" || name === "file" || name === "random")
        .map(([name, word, possible]) => element("option", { value: name, disabled: !possible }, word)),
    );
    this.filter = element("select", { "aria-label": words.say("filter"), title: words.say("filter") });
    this.filters.forEach(({ word }, at) => this.filter.append(element("option", { value: at }, word)));
    this.search = element("input", {
      type: "search",
      placeholder: words.say("search"),
      "aria-label": words.say("search"),
      "aria-keyshortcuts": "/",
      spellcheck: "false",
    });
    let timer = 0;
    this.order.addEventListener("change", () => changed(this.view()));
    this.filter.addEventListener("change", () => changed(this.view()));
    this.search.addEventListener("input", () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => changed(this.view()), QUIET);
    });
    this.search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      clearTimeout(timer);
      changed(this.view());
      toText();
    });
    this.root = element("div", { class: "controls" }, this.search, this.order, this.filter);
  }

  view(): LabelView {
    return {
      order: this.order.value as LabelOrder,
      filter: this.filters[Number(this.filter.value)]?.filter ?? { show: "all" },
      search: this.search.value,
    };
  }

  /** Shows a view that was chosen elsewhere. */
  show(view: LabelView): void {
    this.order.value = view.order;
    const at = this.filters.findIndex(({ filter }) => sameFilter(filter, view.filter));
    this.filter.value = String(Math.max(0, at));
    if (this.search.value !== view.search) this.search.value = view.search;
  }
}

/** How far each class is: a bar, a count, and how many more it takes until its score means anything. */
export class Classes {
  readonly root: HTMLElement;
  private readonly rows: readonly { bar: HTMLElement; count: HTMLElement; needed: HTMLElement }[];
  /** What it means that so many are to go. */
  private readonly hint = element("p", { class: "hint", id: "needed-hint", hidden: true });

  constructor(
    task: LabelTask,
    private readonly words: Words,
  ) {
    const rows = task.labels.map(({ name, sign }) => {
      const bar = element("span", { class: "bar", "aria-hidden": "true" }, element("span"));
      const count = element("td", { class: "count" });
      const needed = element("td", { class: "needed" });
      const head = element(
        "th",
        { scope: "row", title: name },
        classMark(sign),
        element("span", { dir: "auto" }, name),
      );
      return {
        row: element("tr", {}, head, element("td", { class: "share" }, bar), count, needed),
        bar: bar.firstElementChild as HTMLElement,
        count,
        needed,
      };
    });
    this.rows = rows;
    const table = element(
      "table",
      { "aria-describedby": this.hint.id },
      element("caption", { class: "hidden" }, words.say("classes")),
      ...rows.map(({ row }) => row),
    );
    this.root = element(
      "details",
      { class: "classes", open: true, hidden: rows.length === 0 },
      element("summary", {}, words.say("classes")),
      element(
        "div",
        { class: "scroll", tabindex: 0, role: "group", "aria-label": words.say("classes") },
        table,
      ),
      this.hint,
    );
  }

  show(classes: readonly ClassProgress[]): void {
    const most = Math.max(1, ...classes.map(({ count }) => count));
    const short = classes.find(({ needed }) => needed > 0);
    this.hint.hidden = short === undefined;
    if (short !== undefined)
      this.hint.textContent = this.words.say(short.ofTest ? "neededTestHint" : "neededHint");
    classes.forEach(({ count, needed }, at) => {
      const row = this.rows[at];
      if (row === undefined) return;
      row.bar.style.inlineSize = `${(100 * count) / most}%`;
      row.count.textContent = this.words.number(count);
      row.needed.textContent = needed === 0 ? "" : this.words.say("needed", needed);
    });
  }
}

/** How many texts are labelled, in words and as a line. */
export class Total {
  readonly root: HTMLElement;
  private readonly words_ = element("span", { class: "numbers" });
  private readonly line = element("span");

  constructor(private readonly words: Words) {
    this.root = element(
      "p",
      { class: "total" },
      this.words_,
      element("span", { class: "bar", "aria-hidden": "true" }, this.line),
    );
  }

  show({ answered, open, skipped, broken }: LabelProgress): void {
    const all = answered + open;
    const parts = [
      this.words.say("labelled", answered, all),
      ...(skipped > 0 ? [this.words.say("skippedCount", skipped)] : []),
      ...(broken > 0 ? [this.words.say("brokenCount", broken)] : []),
    ];
    this.words_.textContent = parts.join(" · ");
    this.line.style.inlineSize = all === 0 ? "0" : `${(100 * answered) / all}%`;
  }
}

function filtersOf(
  task: LabelTask,
  { run, held }: { readonly run: boolean; readonly held: boolean },
  words: Words,
): { filter: LabelFilter; word: string }[] {
  return [
    { filter: { show: "all" }, word: words.say("filterAll") },
    { filter: { show: "open" }, word: words.say("filterOpen") },
    { filter: { show: "answered" }, word: words.say("filterAnswered") },
    { filter: { show: "skipped" }, word: words.say("filterSkipped") },
    { filter: { show: "noted" }, word: words.say("filterNoted") },
    { filter: { show: "broken" }, word: words.say("filterBroken") },
    ...(held ? [{ filter: { show: "suggested" } as const, word: words.say("filterSuggested") }] : []),
    ...(run ? [{ filter: { show: "wrong" } as const, word: words.say("filterWrong") }] : []),
    ...task.labels.map(({ name }) => ({ filter: { show: "label", label: name } as const, word: name })),
    ...(task.kind === "multi"
      ? [{ filter: { show: "label", label: "" } as const, word: words.say("noLabel") }]
      : []),
  ];
}

function sameFilter(a: LabelFilter, b: LabelFilter): boolean {
  return a.show === b.show && (a.show !== "label" || b.show !== "label" || a.label === b.label);
}
