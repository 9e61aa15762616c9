import type { FromTune, ToTune, TuneView } from "../../protocol";
import { element } from "../label/dom";
import { Actions } from "./actions";
import { Choices } from "./choices";
import { Course } from "./course";
import { examples, facts, findings, sentences } from "./plan";
import { Words } from "./words";

/** The page of one task's runs: what the next would be, the present one, how the last one ended. */
export class TunePage {
  readonly root: HTMLElement;
  private readonly words: Words;
  private readonly title = element("h1", { tabindex: -1 });
  private readonly lead = element("div", { class: "lead", role: "status" });
  private readonly plan = element("div", { class: "plan" });
  private readonly actions: Actions;
  private readonly choices: Choices;
  private readonly course: Course;
  private readonly shown = new Map<HTMLElement, string>();

  constructor(
    opened: Extract<ToTune, { type: "opened" }>,
    private readonly tell: (message: FromTune) => void,
  ) {
    this.words = new Words(opened.words, opened.locale);
    this.actions = new Actions(this.words, (action) => tell({ type: "act", action }));
    this.choices = new Choices(this.words, (choices) => tell({ type: "choose", choices }));
    this.course = new Course(this.words);
    this.root = element(
      "main",
      {},
      this.title,
      this.lead,
      this.actions.root,
      this.course.root,
      this.plan,
      this.choices.root,
    );
  }

  show(view: TuneView): void {
    const { words } = this;
    const planned = ["planning", "ready", "refused"].includes(view.stage);
    this.title.textContent = words.say(planned ? "title" : "titleRun", view.task);
    const lead = this.leadOf(view);
    this.fill(this.lead, lead.map(({ outerHTML }) => outerHTML).join(""), () => lead);
    const run = planned ? null : view.run;
    this.course.root.hidden = run === null;
    if (run !== null) this.course.show(run, view.stage);
    const { data, plan } = view;
    this.plan.hidden = !planned;
    this.fill(this.plan, JSON.stringify([data, plan, view.stage]), () =>
      data === null
        ? []
        : [
            findings(words, data, (place) => this.tell(place)),
            ...(view.stage === "refused" ? [] : [facts(words, plan)]),
            examples(words, data),
          ],
    );
    this.choices.show(view);
    this.actions.show(view);
  }

  private leadOf(view: TuneView): HTMLElement[] {
    const { words } = this;
    const { stage, trouble, result, before, data } = view;
    const says = (text: string, looks = "") => element("p", { class: looks }, text);
    switch (stage) {
      case "planning":
      case "ready":
        return sentences(words, view).map((sentence, at) => says(sentence, at === 0 ? "first" : "soft"));
      case "refused":
        if (trouble === null) return [says(words.say(data === null ? "checking" : "refused"), "first bad")];
        return this.troubleOf(trouble.message, trouble.tries);
      case "queued":
        return [says(before === null ? words.say("queued") : words.say("before", before), "first")];
      case "running":
        return [];
      case "keeping":
        return [says(words.say("keeping"), "first")];
      case "cancelling":
        return [says(words.say("cancelling"), "first")];
      case "done": {
        if (result === null) return [says(words.say("done"), "first")];
        const { score, low, high } = result;
        const line = words.say("result", words.figure(score), words.figure(low), words.figure(high));
        return [says(line, "first")];
      }
      case "cancelled":
        return [says(words.say("cancelled"), "first")];
      case "failed":
        return this.troubleOf(trouble?.message ?? words.say("failed"), trouble?.tries ?? []);
    }
  }

  private troubleOf(message: string, tries: readonly string[]): HTMLElement[] {
    return [
      element("p", { class: "first bad" }, message),
      ...(tries.length === 0
        ? []
        : [
            element("p", { class: "soft" }, this.words.say("tries")),
            element("ul", {}, ...tries.map((one) => element("li", {}, one))),
          ]),
    ];
  }

  /** Renews a part where what it shows is another: what is the same keeps its focus and is not read out again. */
  private fill(part: HTMLElement, key: string, make: () => HTMLElement[]): void {
    if (this.shown.get(part) === key) return;
    this.shown.set(part, key);
    part.replaceChildren(...make());
  }
}
