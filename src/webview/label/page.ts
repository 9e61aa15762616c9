import type { FromLabel, LabelRow, LabelView, Suggestion, ToLabel } from "../../protocol";
import { AnswerField, LabelButtons } from "./answers";
import { Card, Reasons } from "./card";
import { Deck } from "./deck";
import { beginning, button, element } from "./dom";
import { keysDialog } from "./help";
import { commandOf, historyOf, keyOf, type LabelCommand } from "./keys";
import { ExampleList } from "./list";
import { PendingEdits } from "./pending";
import { readSaved, type EditMessage, type Saved } from "./saved";
import { Classes, Controls, Total } from "./side";
import { Words } from "./words";

/** Texts kept ready beyond the one on the screen. */
const AHEAD = 16;
/** Rows kept in memory at most; the list asks for others again. */
const MOST_ROWS = 4000;

/** Milliseconds after which an edit that nobody has taken is no longer a matter of a busy machine. */
const SILENCE = 8000;

/** Characters of a text that are announced. */
const SPOKEN = 2000;

type Opened = Extract<ToLabel, { type: "opened" }>;

interface Editor {
  postMessage(message: FromLabel): void;
  getState(): unknown;
  setState(state: unknown): void;
}

const byModel = (order: LabelView["order"]) => order === "uncertain" || order === "disagree";

/** The label editor: one text, its labels, and the list of all. What a person does shows at once and is told to the extension. */
export class LabelPage {
  readonly root: HTMLElement;
  private readonly words: Words;
  private readonly deck = new Deck();
  private readonly rows = new Map<number, LabelRow>();
  private readonly asked = new Set<number>();
  private readonly pending = new PendingEdits();
  private readonly list: ExampleList;
  private readonly controls: Controls;
  private readonly classes: Classes;
  private readonly total: Total;
  private readonly card: Card;
  private readonly reasons: Reasons;
  private readonly labels: LabelButtons | null;
  private readonly field: AnswerField | null;
  private readonly help: HTMLDialogElement;
  private readonly message = element("p", { class: "message", role: "alert", hidden: true });
  private readonly status = element("p", { class: "status", role: "status", hidden: true });
  /** Shown as long as what was done here is not taken. */
  private readonly silence = element("p", { class: "message", role: "alert", hidden: true });
  private readonly spoken = element("p", { class: "hidden", "aria-live": "polite" });
  private readonly jumpBox: HTMLInputElement;
  private readonly jumpForm: HTMLFormElement;
  private readonly suggestBox: HTMLInputElement;
  private readonly listeners = new AbortController();
  private saved: Saved;
  private suggestion: { line: number; suggestion: Suggestion } | null = null;
  /** What was just done, for the next announcement. */
  private done = "";
  /** Whether the text on the screen came up without an answer: Enter then leads to the next such text. */
  private cameOpen = false;
  /** Place of the text that is being removed: the one behind it comes there. */
  private removing: number | null = null;

  constructor(
    private readonly opened: Opened,
    private readonly editor: Editor,
  ) {
    const { task } = opened;
    this.saved = readSaved(editor.getState());
    this.words = new Words(opened.words, opened.locale);
    const { words } = this;
    const signs = new Map(task.labels.map(({ name, sign }) => [name, sign]));
    this.controls = new Controls(
      task,
      opened,
      words,
      (view) => this.choose(view),
      () => this.toText(),
    );
    this.list = new ExampleList(this.deck, words, {
      row: (line) => this.rows.get(line),
      signOf: (label) => signs.get(label) ?? null,
      want: (lines) => this.wantRows(lines),
      choose: (position) => this.go(position),
      leave: () => this.toText(),
    });
    this.classes = new Classes(task, words);
    this.total = new Total(words);
    this.card = new Card(task, words, {
      writeNote: (row, note) => this.writeNote(row, note),
      openText: (line) => this.post({ type: "open-text", line }),
      removeLine: opened.locked === null ? (row) => this.removeLine(row) : null,
    });
    this.reasons = new Reasons(words);
    const generation = task.kind === "generation";
    this.labels = generation ? null : new LabelButtons(task, words, (label) => this.pressLabel(label));
    this.field = generation
      ? new AnswerField(
          words,
          (row, answer) => this.writeText(row, answer),
          () => this.moveOn(true),
        )
      : null;
    this.help = keysDialog(task, words);
    this.jumpBox = element("input", {
      type: "text",
      "aria-label": words.say("jumpHint"),
      placeholder: words.say("jumpHint"),
      spellcheck: "false",
    });
    this.jumpForm = element("form", { class: "jump", hidden: true }, this.jumpBox);
    this.suggestBox = element("input", { type: "checkbox" });
    this.root = this.build();
    this.listen();
  }

  /** @param again Whether an extension that may never have heard of them is told the edits that were not taken. */
  start(again: boolean): void {
    const { view, line, untaken } = this.saved;
    this.post({ type: "arrange", view, keep: line });
    if (again) {
      this.saved = { ...this.saved, untaken: [] };
      for (const message of untaken) this.tell(message);
    }
    // Whoever works elsewhere meanwhile keeps the focus.
    if (document.hasFocus()) this.card.focus();
  }

  /** Writes down what was being typed, and lets go. */
  dispose(): void {
    this.field?.commit();
    this.card.writeNote();
    this.listeners.abort();
    this.help.remove();
  }

  /** Takes in what the extension says. */
  take(message: Exclude<ToLabel, { type: "opened" | "closed" }>): void {
    switch (message.type) {
      case "arranged":
        this.rows.clear();
        this.asked.clear();
        this.pending.clear();
        this.deck.arrange(message.lines, message.states, message.keep);
        // The model's orders begin with what it has most to say about.
        if (message.keep === null && byModel(message.view.order)) this.deck.moveTo(0);
        if (this.removing !== null) this.deck.moveTo(this.removing);
        this.removing = null;
        this.controls.show(message.view);
        this.saved = { ...this.saved, view: message.view };
        this.showProgress(message.progress);
        this.list.reveal();
        this.here();
        break;
      case "rows":
        for (const told of message.rows) {
          const row = this.pending.pass(told);
          if (row !== null) this.keep(row);
        }
        this.list.draw();
        if (message.rows.some(({ line }) => line === this.deck.current)) {
          this.show();
          // A text that comes up before its row is here is asked about now.
          if (this.suggestion?.line !== this.deck.current) this.askSuggestion();
        }
        break;
      case "changed":
        for (const told of message.rows) this.takeChanged(this.pending.pass(told));
        this.showProgress(message.progress);
        if (message.show !== null && message.show !== this.deck.current && this.deck.goTo(message.show))
          this.here();
        else if (message.rows.some(({ line }) => line === this.deck.current)) this.show();
        this.list.draw();
        break;
      case "done":
        this.takeChanged(this.pending.end(message.edit));
        this.saved = {
          ...this.saved,
          untaken: this.saved.untaken.filter(({ edit }) => edit !== message.edit),
        };
        this.save();
        this.silence.hidden = true;
        this.show();
        this.list.draw();
        break;
      case "jumped":
        this.jumped(message.line, message.to);
        break;
      case "suggestion":
        this.suggestion = message;
        if (message.line === this.deck.current) this.showSuggestion();
        break;
      case "left-out":
        this.card.showLeftOut(message);
        break;
      case "review":
        this.saved = { ...this.saved, suggest: true };
        this.suggestBox.checked = true;
        this.arrange({ order: "file", filter: { show: "suggested" }, search: "" }, null);
        break;
      case "removed":
        this.status.textContent = this.words.say(message.broken ? "removedLine" : "removed");
        this.status.hidden = false;
        break;
      case "refused":
        this.removing = null;
        this.complain(message.message);
        break;
    }
  }

  /** A row that the document has now. */
  private takeChanged(row: LabelRow | null): void {
    if (row === null) return;
    this.rows.delete(row.line);
    this.keep(row);
    this.deck.setState(row.line, row.state);
  }

  private build(): HTMLElement {
    const { words } = this;
    const notices = [this.opened.locked, this.opened.notice].filter((notice) => notice !== null);
    const listToggle = button(words.say("list"), () => this.root.classList.toggle("with-list"));
    listToggle.classList.add("toggle-list");
    const tools = element(
      "div",
      { class: "tools", role: "toolbar", "aria-label": words.say("tools") },
      button("←", () => this.run("previous")),
      button("→", () => this.run("next")),
      button(words.say("skip"), () => this.run("skip"), "s"),
      button(words.say("noteVerb"), () => this.run("note"), "n"),
      button(words.say("undo"), () => this.run("undo"), "z"),
      button(words.say("jump"), () => this.run("jump"), "g"),
      this.labels === null ? null : button(words.say("descriptions"), () => this.run("descriptions"), "d"),
      button(words.say("keys"), () => this.run("keys"), "?"),
      button(words.say("removeText"), () => this.remove()),
      this.opened.run
        ? element(
            "label",
            { class: "switch", title: words.say("suggestHint") },
            this.suggestBox,
            words.say("suggest"),
          )
        : null,
    );
    const [previous, next] = tools.querySelectorAll("button");
    previous!.setAttribute("aria-label", words.say("previous"));
    next!.setAttribute("aria-label", words.say("next"));
    this.suggestBox.checked = this.suggesting();
    return element(
      "div",
      { class: "label-page", "data-kind": this.opened.task.kind },
      element(
        "aside",
        { class: "side", "aria-label": words.say("list") },
        this.controls.root,
        this.list.root,
        this.classes.root,
      ),
      element(
        "main",
        { class: "main" },
        element(
          "header",
          { class: "top" },
          element(
            "div",
            { class: "head" },
            listToggle,
            element("h1", { title: this.opened.task.instruction }, this.opened.task.name),
            this.total.root,
          ),
          ...notices.map((notice) => element("p", { class: "notice" }, notice)),
          this.opened.run && !this.opened.fixed
            ? element(
                "p",
                { class: "notice" },
                `${words.say("fixTestHint")} `,
                button(words.say("fixTest"), () => this.post({ type: "fix-test" })),
              )
            : null,
        ),
        this.card.root,
        element(
          "div",
          { class: "dock" },
          this.silence,
          this.message,
          this.status,
          this.reasons.root,
          this.labels?.root ?? this.field?.root ?? null,
          element("div", { class: "foot" }, this.jumpForm, tools),
        ),
      ),
      this.spoken,
      this.help,
    );
  }

  private listen(): void {
    const { signal } = this.listeners;
    this.root.classList.toggle("with-descriptions", this.saved.descriptions);
    document.addEventListener("keydown", (event) => this.onKey(event), { signal });
    const rest = () => {
      this.field?.commit();
      this.card.writeNote();
    };
    window.addEventListener("blur", rest, { signal });
    this.jumpForm.addEventListener("submit", (event) => {
      event.preventDefault();
      const to = this.jumpBox.value.trim();
      if (to !== "") this.post({ type: "jump", to });
      this.toText();
    });
    this.jumpBox.addEventListener("blur", () => {
      this.jumpForm.hidden = true;
    });
    this.suggestBox.addEventListener("change", () => {
      this.saved = { ...this.saved, suggest: this.suggestBox.checked };
      this.save();
      if (!this.suggestBox.checked) this.post({ type: "stop-suggesting" });
      this.suggestion = null;
      this.askSuggestion();
      this.card.focus();
    });
  }

  private onKey(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target !== this.suggestBox;
    const again = this.help.open ? null : historyOf(event);
    if (again !== null) {
      // VS Code does not hear of it: it would undo at once, while what was done here may still be on its way to the document.
      event.stopPropagation();
      // A box has an undo of its own; what is typed as an answer is the document's.
      if (typing && target.tagName === "INPUT") return;
      event.preventDefault();
      this.run(again);
      return;
    }
    if (event.key === "Escape" && !this.help.open) {
      this.toText();
      return;
    }
    if (typing || this.help.open || event.isComposing) return;
    if (event.repeat && !event.key.startsWith("Arrow")) return;
    const key = keyOf(event);
    // Enter on a button presses that button.
    if (key === null || (key === "Enter" && target.closest("button, summary") !== null)) return;
    const label = this.labels?.labelOf(key) ?? null;
    const command = commandOf(key);
    if (label === null && command === null) return;
    event.preventDefault();
    if (label !== null) this.pressLabel(label);
    else if (command !== null) this.run(command);
  }

  private toText(): void {
    this.root.classList.remove("with-list");
    this.card.focus();
  }

  private run(command: LabelCommand): void {
    const row = this.row();
    const editable = row !== undefined && this.editable(row);
    switch (command) {
      case "previous":
        this.go(this.deck.position - 1);
        break;
      case "next":
        this.go(this.deck.position + 1);
        break;
      case "first":
        this.go(0);
        break;
      case "last":
        this.go(this.deck.length - 1);
        break;
      case "undo":
      case "redo":
        this.field?.commit();
        this.post({ type: command });
        break;
      case "skip":
        if (editable) this.skip(row);
        break;
      case "clear":
        if (editable && row.state === "answered") this.answer(row, null);
        break;
      case "note":
        if (editable) this.card.editNote();
        break;
      case "confirm":
        if (row !== undefined) this.confirm(row);
        break;
      case "jump":
        this.jumpForm.hidden = false;
        this.jumpBox.value = "";
        this.jumpBox.focus();
        break;
      case "search":
        this.root.classList.add("with-list");
        this.controls.search.focus();
        this.controls.search.select();
        break;
      case "find-label":
        this.labels?.findLabel();
        break;
      case "descriptions":
        this.saved = { ...this.saved, descriptions: this.root.classList.toggle("with-descriptions") };
        this.save();
        break;
      case "keys":
        this.help.showModal();
        break;
    }
  }

  private row(): LabelRow | undefined {
    return this.deck.current === null ? undefined : this.rows.get(this.deck.current);
  }

  private editable(row: LabelRow): boolean {
    return this.opened.locked === null && row.state !== "broken";
  }

  private pressLabel(label: string): void {
    const row = this.row();
    if (row === undefined || !this.editable(row)) return;
    if (this.opened.task.kind === "single") {
      this.answer(row, label);
      this.moveOn(row.state !== "answered");
      return;
    }
    const given = row.state === "answered" ? row.answer : [];
    // In the order of the task, so that the same answer is written the same way.
    const wanted = this.opened.task.labels
      .map(({ name }) => name)
      .filter((name) => given.includes(name) !== (name === label));
    const strange = given.filter((name) => !this.opened.task.labels.some((known) => known.name === name));
    this.answer(row, [...wanted, ...strange]);
  }

  /** Enter: takes the suggestion where there is one; in a multi-label task ends the text; else moves on. */
  private confirm(row: LabelRow): void {
    const { kind } = this.opened.task;
    const suggested = this.suggested();
    if (this.field !== null && suggested === null) this.field.focus();
    else if (row.state === "answered" || !this.editable(row)) this.moveOn(kind === "multi" && this.cameOpen);
    else if (kind !== "multi" && suggested === null) this.go(this.deck.position + 1);
    else {
      if (this.field !== null) this.field.fill(suggested?.output ?? "");
      else if (kind === "multi") this.answer(row, suggested?.labels ?? []);
      else this.answer(row, suggested?.labels[0] ?? null);
      this.moveOn(true);
    }
  }

  private suggested(): { labels: string[]; output: string | null } | null {
    const shown =
      this.suggesting() && this.suggestion?.line === this.deck.current ? this.suggestion.suggestion : null;
    if (shown?.state !== "ready") return null;
    return { labels: [...shown.chosen], output: shown.output };
  }

  private skip(row: LabelRow): void {
    const skipped = row.state !== "skipped";
    const state = skipped ? "skipped" : row.answer.length > 0 ? "answered" : "open";
    this.tell({ type: "skip", edit: 0, line: row.line, id: row.id, skipped });
    this.assume({ ...row, state });
    if (skipped) this.moveOn(row.state === "open");
  }

  /** Nothing is asked: undo brings the text back. */
  private remove(): void {
    const row = this.row();
    if (row === undefined || !this.editable(row) || this.removing !== null) return;
    this.removing = this.deck.position;
    this.post({ type: "remove", line: row.line, id: row.id });
  }

  /** Nothing is asked here either. */
  private removeLine(row: LabelRow): void {
    if (this.removing !== null) return;
    this.removing = this.deck.position;
    this.post({ type: "remove-broken", line: row.line, raw: row.text });
    this.card.focus();
  }

  private answer(row: LabelRow, answer: string | readonly string[] | null): void {
    this.tell({ type: "answer", edit: 0, line: row.line, id: row.id, answer });
    const given = answer === null ? [] : typeof answer === "string" ? [answer] : answer;
    this.done = given.length === 0 ? this.words.say("noLabel") : given.join(", ");
    this.spoken.textContent = this.done;
    this.assume({ ...row, answer: given, state: answer === null ? "open" : "answered" });
  }

  /** Tells an edit, with a number of its own; if nobody takes it, it is kept, and that is said: it only looks done. */
  private tell(message: EditMessage): void {
    const edit = this.pending.begin(message.line);
    const numbered = { ...message, edit };
    this.saved = { ...this.saved, untaken: [...this.saved.untaken, numbered] };
    this.save();
    this.post(numbered);
    setTimeout(() => {
      if (!this.pending.waitsFor(edit)) return;
      this.silence.textContent = this.words.say("notTaken");
      this.silence.hidden = false;
    }, SILENCE);
  }

  private writeText(row: LabelRow, answer: string | null): void {
    const known = this.rows.get(row.line);
    const current = known?.id === row.id ? known : row;
    if (this.editable(current)) this.answer(current, answer);
  }

  private writeNote(row: LabelRow, note: string): void {
    if (!this.editable(row)) return;
    this.tell({ type: "note", edit: 0, line: row.line, id: row.id, note });
    const current = this.rows.get(row.line);
    if (current?.id === row.id) this.assume({ ...current, note });
  }

  /** Shows what was done before the document says so. */
  private assume(row: LabelRow): void {
    this.rows.set(row.line, row);
    this.deck.setState(row.line, row.state);
    if (row.line === this.deck.current) this.show();
    this.list.draw();
  }

  private moveOn(wasOpen: boolean): void {
    this.field?.commit();
    if (this.deck.moveOn(wasOpen)) this.here();
    else if (wasOpen) this.spoken.textContent = this.words.say("nothingLeft");
  }

  private go(position: number): void {
    this.field?.commit();
    if (this.deck.moveTo(position)) this.here();
  }

  private jumped(line: number | null, to: string): void {
    if (line === null) this.complain(this.words.say("jumpNothing", to));
    else if (this.deck.goTo(line)) this.here();
    else {
      // It is filtered out: all texts come back, in the order of the file.
      this.saved = { ...this.saved, line };
      this.arrange({ order: "file", filter: { show: "all" }, search: "" }, line);
    }
  }

  /** Another filter stays on the text where it is listed; another order begins anew. */
  private choose(view: LabelView): void {
    const same = view.order === this.saved.view.order;
    this.arrange(view, same ? this.deck.current : null);
  }

  private arrange(view: LabelView, keep: number | null): void {
    this.field?.commit();
    this.post({ type: "arrange", view, keep });
  }

  /** Another text is on the screen. */
  private here(): void {
    const line = this.deck.current;
    this.message.hidden = true;
    this.status.hidden = true;
    if (line !== null) {
      const ahead = this.deck.ahead(AHEAD).filter((other) => this.rows.get(other)?.whole !== true);
      this.post({ type: "at", line, ahead });
      this.cameOpen = this.deck.isOpen(line);
    }
    this.saved = { ...this.saved, line };
    this.save();
    this.show();
    this.list.reveal();
    this.askSuggestion();
    const row = this.row();
    if (row !== undefined) {
      const place = this.words.say("place", this.deck.position + 1, this.deck.length);
      this.spoken.textContent = [this.done, place, beginning(row.text, SPOKEN)].filter(Boolean).join(". ");
      this.done = "";
    }
  }

  private show(): void {
    const row = this.row();
    if (this.deck.current === null) this.card.clear(this.words.say("nothingListed"));
    else if (row !== undefined) this.card.show(row, this.deck.position, this.deck.length);
    const enabled = row !== undefined && this.editable(row);
    this.labels?.show(row, enabled);
    this.field?.show(row, enabled);
    this.reasons.show(row);
  }

  private suggesting(): boolean {
    return this.opened.run && (this.saved.suggest ?? this.opened.suggest);
  }

  private askSuggestion(): void {
    const row = this.row();
    if (!this.suggesting()) this.reasons.suggest(null);
    else if (row === undefined || row.state === "broken") {
      this.suggestion = null;
      this.reasons.suggest({ state: "none", reason: "broken" });
    } else {
      this.suggestion = { line: row.line, suggestion: { state: "waiting" } };
      this.showSuggestion();
      this.post({ type: "suggest", line: row.line, id: row.id });
    }
  }

  private showSuggestion(): void {
    this.reasons.suggest(this.suggesting() ? (this.suggestion?.suggestion ?? null) : null);
  }

  private showProgress(progress: Parameters<Total["show"]>[0]): void {
    this.total.show(progress);
    this.classes.show(progress.classes);
  }

  private complain(message: string): void {
    this.message.textContent = message;
    this.message.hidden = false;
  }

  private keep(row: LabelRow): void {
    this.asked.delete(row.line);
    const known = this.rows.get(row.line);
    // The beginning of a text does not take the place of the whole.
    if (known?.whole === true && !row.whole) return;
    if (this.rows.size >= MOST_ROWS) {
      const oldest = this.rows.keys().next().value;
      if (oldest !== undefined && oldest !== this.deck.current) this.rows.delete(oldest);
    }
    this.rows.set(row.line, row);
  }

  private wantRows(lines: readonly number[]): void {
    const fresh = lines.filter((line) => !this.asked.has(line));
    for (const line of fresh) this.asked.add(line);
    if (fresh.length > 0) this.post({ type: "rows", lines: fresh });
  }

  private save(): void {
    this.editor.setState(this.saved);
  }

  private post(message: FromLabel): void {
    this.editor.postMessage(message);
  }
}
