import { percentDone } from "../../percent";
import type { TuneRun, TuneView } from "../../protocol";
import { element } from "../label/dom";
import { Curve, smoothed } from "./curve";
import type { Words } from "./words";

/** Steps that a smoothed loss is the mean of. */
const REACH = 8;

/** A run as it goes: a bar, figures, curves. */
export class Course {
  readonly root: HTMLElement;
  private readonly bar = element("div", {
    class: "bar",
    role: "progressbar",
    "aria-valuemin": 0,
    "aria-valuemax": 100,
  });
  private readonly filled = element("div", {});
  private readonly percent = element("strong", {});
  private readonly doing = element("span", {});
  private readonly left = element("span", { class: "left" });
  private readonly figures: Readonly<Record<"loss" | "heldOut" | "tokens" | "memory", HTMLElement>> = {
    loss: element("dd", {}),
    heldOut: element("dd", {}),
    tokens: element("dd", {}),
    memory: element("dd", {}),
  };
  private readonly heldOutName = element("dt", {});
  private readonly loss: Curve;
  private readonly score: Curve;
  private readonly notes = element("ul", { class: "soft" });
  private readonly notesTitle: HTMLElement;
  private noted = "";

  constructor(private readonly words: Words) {
    this.bar.append(this.filled);
    this.bar.setAttribute("aria-label", words.say("percent"));
    this.loss = new Curve(words, words.say("lossTable"));
    this.score = new Curve(words, words.say("heldOutTable"));
    this.notesTitle = element("h2", {}, words.say("notes"));
    const pair = (name: HTMLElement, value: HTMLElement) => element("div", {}, name, value);
    this.root = element(
      "section",
      { class: "course" },
      this.bar,
      element("p", { class: "stand" }, this.percent, this.doing, this.left),
      element(
        "dl",
        { class: "figures" },
        pair(element("dt", {}, words.say("loss")), this.figures.loss),
        pair(this.heldOutName, this.figures.heldOut),
        pair(element("dt", {}, words.say("tokens")), this.figures.tokens),
        pair(element("dt", {}, words.say("memory")), this.figures.memory),
      ),
      element("div", { class: "curves" }, this.loss.root, this.score.root),
      this.notesTitle,
      this.notes,
    );
  }

  show(run: TuneRun, stage: TuneView["stage"]): void {
    const { words } = this;
    const over = stage === "done" || stage === "cancelled" || stage === "failed";
    const share = stage === "done" ? 1 : run.share;
    this.bar.hidden = over;
    this.bar.setAttribute("aria-valuenow", String(Math.floor(share * 100)));
    this.filled.style.width = `${(share * 100).toFixed(1)}%`;
    this.percent.textContent = percentDone(share);
    this.doing.textContent = doing(words, run);
    this.left.textContent =
      over || run.secondsLeft === null ? "" : words.say("left", words.duration(run.secondsLeft));
    this.root.querySelector<HTMLElement>(".stand")!.hidden = over || stage === "queued";

    // Of a task whose answer is a text only the loss is known before the end.
    const scored = run.looks.some(({ score }) => score !== null);
    const noScore = run.looks.length > 0 && !scored;
    this.heldOutName.textContent = words.say(noScore ? "heldOutLoss" : "heldOut");
    this.figures.loss.textContent = words.figure(run.loss);
    this.figures.heldOut.textContent = words.figure(noScore ? run.heldOutLoss : run.score);
    this.figures.tokens.textContent =
      run.tokensPerSecond === null ? "–" : words.say("tokensValue", Math.round(run.tokensPerSecond));
    this.figures.memory.textContent =
      run.memory === null
        ? "–"
        : words.say("memoryMost", words.bytes(run.memory), words.bytes(run.mostMemory ?? run.memory));

    const losses = run.losses.map(({ step, loss }) => ({ x: step, y: loss }));
    const looks = run.looks.map(({ step, loss }) => ({ x: step, y: loss }));
    const scores = run.looks.flatMap(({ step, score }) => (score === null ? [] : [{ x: step, y: score }]));
    this.loss.show(
      [
        { name: words.say("loss"), points: losses, look: "thin" },
        { name: words.say("lossMean", REACH), points: smoothed(losses, REACH), look: "bold" },
        ...(looks.length > 0
          ? [{ name: words.say("heldOutLoss"), points: looks, look: "dots" as const }]
          : []),
      ],
      run.steps,
      null,
    );
    this.score.root.hidden = noScore;
    this.score.show([{ name: words.say("f1"), points: scores, look: "dots" }], run.steps, [0, 1]);

    const noted = run.notes.join("\n");
    if (noted === this.noted) return;
    this.noted = noted;
    this.notes.replaceChildren(...run.notes.map((note) => element("li", {}, note)));
    this.notesTitle.hidden = run.notes.length === 0;
  }
}

/** What is being done, and how far it is. */
function doing(words: Words, { phase, fold, done, total }: TuneRun): string {
  const [at, of] = [fold?.at ?? 0, fold?.of ?? 0];
  const steps = total > 0 ? ` · ${words.say("stepsOf", done, total)}` : "";
  const texts = total > 0 ? ` · ${words.say("textsOf", done, total)}` : "";
  switch (phase) {
    case "starting":
      return words.say("phaseStarting");
    case "probe":
      return words.say("phaseProbe");
    case "tune":
      return words.say("phaseTune") + steps;
    case "fold":
      return words.say("phaseFold", at, of) + steps;
    case "held-out":
      return words.say("phaseHeldOut") + texts;
    case "test":
      return words.say("phaseTest") + texts;
    case "untuned":
      return words.say("phaseUntuned") + texts;
    case "score-fold":
      return words.say("phaseScoreFold", at, of) + texts;
    case "other":
      return words.say("phaseOther");
  }
}
