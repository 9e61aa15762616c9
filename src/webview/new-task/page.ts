import { percentDone } from "../../percent";
import type {
  FromNewTask,
  NewTaskObstacle,
  NewTaskProgress,
  NewTaskView,
  NewTaskWord,
  ToNewTask,
} from "../../new-task-protocol";
import { button, element } from "../label/dom";
import { Asked } from "./asked";
import { Labels } from "./labels";
import { Problems } from "./problems";
import { ReadingControls } from "./reading";
import { Rows } from "./rows";
import { Where } from "./where";
import { Words } from "./words";

/** The page on which a task is made of a file: what was read, what is asked, and one button. */
export class NewTaskPage {
  readonly root: HTMLElement;
  private readonly words: Words;
  private readonly file: string;
  private readonly reading: ReadingControls;
  private readonly rows: Rows;
  private readonly problems: Problems;
  private readonly asked: Asked;
  private readonly labels: Labels;
  private readonly where: Where;
  private readonly sections: HTMLElement;
  private readonly choices: HTMLElement;
  private readonly form: HTMLFormElement;
  private readonly message = element("p", { class: "message", role: "alert", hidden: true });
  private readonly summary = element("div", { class: "summary", role: "status" });
  private readonly actions: HTMLElement;
  private readonly create: HTMLButtonElement;
  private readonly progress: HTMLElement;
  private readonly bar = element("progress", { max: 1 });
  private readonly doing = element("span", { class: "doing" });
  private readonly listeners = new AbortController();
  private view: NewTaskView | null = null;
  /** What could not be read was pointed out, so that the button says so. */
  private warned = false;
  /** Control that the person was at when the page began to wait; null where it does not. */
  private waitingAt: string | null = null;

  constructor(
    { file, words, locale }: Extract<ToNewTask, { type: "opened" }>,
    private readonly post: (message: FromNewTask) => void,
  ) {
    this.words = new Words(words, locale);
    const said = this.words;
    this.file = file;
    this.reading = new ReadingControls(said, (change) => post({ type: "read", change }));
    this.rows = new Rows(said, file, (column, use) => post({ type: "use", column, use }));
    this.problems = new Problems(said, (line) => post({ type: "open-line", line }));
    this.asked = new Asked(said, post);
    this.labels = new Labels(said, post);
    this.where = new Where(said, post);
    this.create = element("button", { type: "submit", class: "primary", "data-id": "create" });
    const other = button(said.say("otherFile"), () => post({ type: "other-file" }));
    other.className = "secondary";
    this.actions = element("div", { class: "actions" }, other, this.create);
    const stop = button(said.say("stop"), () => post({ type: "stop" }));
    stop.className = "secondary";
    this.progress = element("div", { class: "progress", hidden: true }, this.doing, this.bar, stop);
    this.choices = element(
      "div",
      { class: "choices" },
      this.section("whatIsAsked", this.asked.root, this.labels.root),
      this.section("where", this.where.root),
    );
    this.sections = element(
      "div",
      { class: "sections", hidden: true },
      this.section("whatWasRead", this.reading.root, this.rows.root, this.problems.root),
      this.choices,
    );
    this.form = element(
      "form",
      { class: "new-task", novalidate: true },
      element(
        "main",
        {},
        element("h1", { dir: "auto" }, said.say("title", file)),
        this.message,
        this.sections,
      ),
      element("footer", {}, this.summary, this.actions, this.progress),
    );
    this.root = this.form;
    this.listen();
  }

  dispose(): void {
    this.listeners.abort();
  }

  take(message: Exclude<ToNewTask, { type: "opened" }>): void {
    switch (message.type) {
      case "progress":
        this.showProgress(message.progress);
        return;
      case "shown":
        this.show(message.view);
        return;
      case "unreadable":
        this.rest();
        this.say(message.message);
        this.view = null;
        this.sections.hidden = false;
        this.choices.hidden = true;
        this.rows.root.hidden = true;
        this.problems.root.hidden = true;
        this.reading.show(message.reading);
        this.create.hidden = true;
        this.tell([]);
        this.refocus();
        return;
      case "stopped":
        this.rest();
        this.create.hidden = true;
        this.tell([element("p", {}, this.words.say("stopped"))]);
        return;
      case "refused":
        this.say(message.message);
        return;
      case "unseen":
        this.warned = true;
        this.say(this.words.say("unseen"));
        this.showCreate();
        this.problems.reveal();
    }
  }

  private show(view: NewTaskView): void {
    const before = this.view;
    this.view = view;
    this.rest();
    this.say(null);
    if (before?.problemCount !== view.problemCount) this.warned = false;
    this.sections.hidden = false;
    this.choices.hidden = false;
    this.rows.root.hidden = false;
    this.reading.show(view.reading);
    this.rows.show(view);
    this.problems.show(view);
    this.asked.show(view);
    this.labels.show(view);
    this.where.show(view);
    this.showCreate();
    this.showSummary(view);
    this.refocus();
  }

  /** Back to where the person was, at first to the button. Whoever works elsewhere meanwhile keeps the focus. */
  private refocus(): void {
    const id = this.waitingAt;
    this.waitingAt = null;
    if (id === null || !document.hasFocus() || document.activeElement !== document.body) return;
    const control = this.form.querySelector<HTMLElement>(`[data-id="${id}"]`);
    (control?.checkVisibility() === true ? control : this.create).focus({ preventScroll: true });
  }

  private showCreate(): void {
    this.create.hidden = this.view === null;
    this.create.textContent = this.words.say(this.warned ? "createAnyway" : "create");
    this.create.setAttribute("aria-disabled", String((this.view?.obstacles.length ?? 0) > 0));
  }

  private showSummary(view: NewTaskView): void {
    const { words } = this;
    const [obstacle] = view.obstacles;
    const lines: HTMLElement[] = [];
    if (obstacle !== undefined)
      lines.push(element("p", { class: "obstacle" }, words.say(obstacleWord(obstacle, view.kind))));
    else {
      const counts =
        view.texts === null
          ? words.say("readingHint", words.say("notCounted"), view.rows)
          : words.say("summary", view.texts.all, view.texts.answered);
      const test = view.splitGiven
        ? words.say("testGiven")
        : view.texts === null
          ? null
          : words.say("summaryTest", Math.round((view.texts.all * view.testShare) / 100));
      lines.push(element("p", {}, test === null ? counts : `${counts}, ${test}`));
      lines.push(
        element("p", { class: "soft" }, words.say("writes", `${view.out}.plumb.json`, `${view.out}.jsonl`)),
      );
    }
    this.tell(lines);
  }

  /** A screen reader says again whatever is put there again. */
  private tell(lines: readonly HTMLElement[]): void {
    const key = lines.map(({ textContent }) => textContent).join("\n");
    if (this.summary.dataset.key === key) return;
    this.summary.dataset.key = key;
    this.summary.replaceChildren(...lines);
  }

  private showProgress({ phase, share, rows }: NewTaskProgress): void {
    const { words } = this;
    if (this.form.dataset.busy === undefined) {
      const at = document.activeElement;
      this.waitingAt = (at instanceof HTMLElement ? at.dataset.id : undefined) ?? "create";
    }
    const what =
      phase === "reading"
        ? words.say("reading", this.file)
        : words.say(phase === "drawing" ? "drawing" : "writing");
    this.progress.hidden = false;
    this.actions.hidden = true;
    this.summary.hidden = true;
    this.form.dataset.busy = "true";
    this.sections.inert = true;
    this.bar.value = share;
    this.bar.setAttribute("aria-label", what);
    const much = percentDone(share);
    this.doing.textContent = rows > 0 ? `${what} · ${words.say("readingHint", much, rows)}` : what;
  }

  /** Nothing is going on. */
  private rest(): void {
    delete this.form.dataset.busy;
    this.progress.hidden = true;
    this.actions.hidden = false;
    this.summary.hidden = false;
    this.sections.inert = false;
  }

  private say(message: string | null): void {
    this.message.hidden = message === null;
    this.message.textContent = message ?? "";
    if (message !== null) this.message.scrollIntoView({ block: "nearest" });
  }

  private submit(): void {
    const { view } = this;
    if (view === null || this.form.dataset.busy !== undefined) return;
    const [obstacle] = view.obstacles;
    if (obstacle === undefined) this.post({ type: "create", anyway: this.warned });
    else this.lead(obstacle);
  }

  /** To the control that an obstacle is about. */
  private lead(obstacle: NewTaskObstacle): void {
    switch (obstacle) {
      case "blank-name": {
        this.asked.name.focus();
        return;
      }
      case "blank-file": {
        this.where.out.focus();
        return;
      }
      case "wrong-share": {
        this.where.share.focus();
        return;
      }
      case "few-labels": {
        this.labels.focusNew();
        return;
      }
      case "blank-label": {
        const at = this.view?.labels.findIndex(({ name }) => name.trim() === "") ?? -1;
        this.form.querySelector<HTMLElement>(`[data-id="label-${at}"]`)?.focus();
        return;
      }
      case "no-text":
      case "many-labels":
        this.form.querySelector<HTMLElement>("th select")?.focus();
    }
  }

  private listen(): void {
    const { signal } = this.listeners;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    // Enter creates the task wherever it means nothing else.
    document.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Enter" || event.defaultPrevented) return;
        const at = event.target;
        if (at instanceof HTMLElement && at.closest("button, summary, input, select, a") !== null) return;
        event.preventDefault();
        this.submit();
      },
      { signal },
    );
    window.addEventListener(
      "focus",
      () => {
        if (this.view !== null && document.activeElement === document.body) this.create.focus();
      },
      { signal },
    );
  }

  private section(word: NewTaskWord, ...content: HTMLElement[]): HTMLElement {
    const id = `section-${word}`;
    return element(
      "section",
      { "aria-labelledby": id },
      element("h2", { id }, this.words.say(word)),
      ...content,
    );
  }
}

function obstacleWord(obstacle: NewTaskObstacle, kind: NewTaskView["kind"]): NewTaskWord {
  switch (obstacle) {
    case "no-text":
      return "obstacleNoText";
    case "few-labels":
      return kind === "multi" ? "obstacleFewLabelsMulti" : "obstacleFewLabels";
    case "many-labels":
      return "obstacleManyLabels";
    case "blank-label":
      return "obstacleBlankLabel";
    case "blank-name":
      return "obstacleBlankName";
    case "blank-file":
      return "obstacleBlankFile";
    case "wrong-share":
      return "obstacleWrongShare";
  }
}
