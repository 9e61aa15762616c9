import type { FromReport, ReportCommand, ToReport } from "../../protocol";
import { button, element } from "../label/dom";
import { offerCopies } from "./copying";
import { offerSliders } from "./sliders";
import { makeSortable } from "./sortable";
import { leadToEditor, TextLists } from "./texts";
import { TryIt } from "./try";
import { Words } from "./words";

type Opened = Extract<ToReport, { type: "opened" }>;

/** A report's page in a panel: what stands there already comes to life, and buttons for the next steps come to it. */
export class ReportPage {
  private readonly words: Words;
  private readonly lists: TextLists;
  private readonly tryIt: TryIt | null;
  private readonly status = element("p", { class: "hidden", role: "status" });

  constructor(
    private readonly opened: Opened,
    private readonly post: (message: FromReport) => void,
  ) {
    this.words = new Words(opened.words, opened.locale);
    const { words } = this;
    document.body.append(this.status);
    const main = document.querySelector("main")!;
    for (const item of main.querySelectorAll<HTMLElement>(".errors > li"))
      leadToEditor(item, { words, post });
    const tables = [...main.querySelectorAll<HTMLTableElement>("#classes table.sortable")];
    if (tables.length > 0) makeSortable(tables, words, opened.locale);
    for (const table of main.querySelectorAll<HTMLTableElement>("table.sortable")) {
      if (!tables.includes(table)) makeSortable([table], words, opened.locale);
    }
    const thresholds = document.getElementById("thresholds");
    if (thresholds !== null) offerSliders(thresholds, opened.labels, words);
    offerCopies(main, { words, post, say: (sentence) => this.say(sentence) });
    this.lists = new TextLists({ words, labels: opened.labels, post });
    this.lists.offer(main);
    this.tryIt = opened.page === "report" ? new TryIt(opened, words, post) : null;
    if (this.tryIt !== null) this.addTry(this.tryIt);
    this.addTools(main);
    for (const choice of main.querySelectorAll<HTMLInputElement>("input[name=reference]")) {
      choice.hidden = false;
      choice.disabled = false;
      choice.addEventListener("change", () => post({ type: "reference", run: Number(choice.value) }));
    }
  }

  take(message: Exclude<ToReport, { type: "opened" }>): void {
    switch (message.type) {
      case "texts":
        this.lists.take(message);
        break;
      case "tried":
        this.tryIt?.take(message);
        break;
      case "try-failed":
        this.tryIt?.fail(message.message);
        break;
    }
  }

  private addTry(tryIt: TryIt): void {
    const before = document.getElementById("next") ?? document.getElementById("cost");
    before?.before(tryIt.root);
    const link = element("a", { href: "#try" }, this.words.say("try"));
    document
      .querySelector(`nav a[href="#${before?.id ?? ""}"]`)
      ?.parentElement?.before(element("li", {}, link));
  }

  private addTools(main: HTMLElement): void {
    const { words, opened } = this;
    const tool = (command: ReportCommand) =>
      button(words.say(command), () => this.post({ type: "command", command }));
    const commands: ReportCommand[] =
      opened.page === "report" ? ["compare", "label", "predict", "export"] : ["export"];
    const bar = element(
      "div",
      { class: "panel-tools", role: "toolbar", "aria-label": words.say("actions") },
      ...commands.map(tool),
    );
    const notice = opened.notice === null ? null : element("p", { class: "notice" }, opened.notice);
    main.querySelector("nav")!.before(...[notice, bar].filter((part) => part !== null));
  }

  private say(sentence: string): void {
    this.status.textContent = "";
    this.status.textContent = sentence;
    const shown = element("p", { class: "toast", "aria-hidden": "true" }, sentence);
    document.body.append(shown);
    setTimeout(() => shown.remove(), 1500);
  }
}
