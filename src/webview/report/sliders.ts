import { percent } from "../../percent";
import { button, element } from "../label/dom";
import { figuresAt, macro, type Counts } from "./threshold";
import type { Words } from "./words";

/** Sliders under the pictures of thresholds, and what all of them together come to. */
export function offerSliders(section: HTMLElement, labels: readonly string[], words: Words): void {
  const figures = [...section.querySelectorAll<HTMLElement>("figure.threshold")];
  if (figures.length === 0) return;
  const numbers = (text: string | undefined) => (text ?? "").split(" ").map(Number);
  const curves = figures.map(({ dataset }): Counts & { chosen: number } => ({
    given: numbers(dataset.given),
    hits: numbers(dataset.hits),
    positives: Number(dataset.positives),
    chosen: Math.round(100 * Number(dataset.chosen)),
  }));
  const steps = curves.map(({ chosen }) => chosen);
  const own = macro(curves.map((curve) => figuresAt(curve, curve.chosen)));
  const total = element("p", { class: "macro", role: "status" });
  const summarise = () => {
    const now = macro(curves.map((curve, at) => figuresAt(curve, steps[at]!)));
    total.textContent = words.say("macro", words.figure(now), words.figure(own));
  };
  const moved: (() => void)[] = [];
  figures.forEach((figure, at) => {
    const curve = curves[at]!;
    const label = labels[Number(figure.dataset.label)] ?? "";
    const says = element("output", { class: "says" });
    const slider = element("input", {
      ...{ type: "range", min: 0, max: 100, step: 1 },
      "aria-label": words.say("threshold", label),
    });
    const cut = figure.querySelector("line.cut")!;
    const show = () => {
      const step = steps[at]!;
      const { precision, recall, f1, given } = figuresAt(curve, step);
      const sentence = words.say(
        "thresholdSays",
        ...[words.figure(step / 100), percent(precision), percent(recall), words.figure(f1)],
        ...[given, curve.given[0] ?? 0],
      );
      says.textContent = sentence;
      slider.value = String(step);
      slider.setAttribute("aria-valuetext", sentence);
      const x = Number(figure.dataset.left) + (step / 100) * Number(figure.dataset.width);
      for (const end of ["x1", "x2"]) cut.setAttribute(end, x.toFixed(1));
    };
    slider.addEventListener("input", () => {
      steps[at] = Number(slider.value);
      show();
      summarise();
    });
    moved.push(show);
    show();
    figure.querySelector("svg")!.after(slider, says);
  });
  const reset = button(words.say("reset"), () => {
    curves.forEach(({ chosen }, at) => (steps[at] = chosen));
    for (const show of moved) show();
    summarise();
  });
  section.querySelector(".pair")!.before(element("div", { class: "macro-bar" }, total, reset));
  summarise();
}
