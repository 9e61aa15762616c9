import type { FromTune, TuneData, TuneFinding, TunePlan, TuneView } from "../../protocol";
import { button, element } from "../label/dom";
import { methodName } from "./choices";
import type { Words } from "./words";

type Open = Extract<FromTune, { type: "open" }>;

/** What will happen, in a sentence or two. */
export function sentences(words: Words, view: TuneView): string[] {
  const { plan, data, stage } = view;
  if (stage === "planning" && data === null) return [words.say("checking")];
  if (plan === null) return stage === "planning" ? [words.say("planning")] : [];
  const { model, fit, test, seconds, bytes, heldOut, folds } = plan;
  const time = words.say("atMost", words.duration(seconds));
  return [
    words.say("sentence", model, fit, test, time, words.bytes(bytes)),
    ...(heldOut > 0 ? [words.say("sentenceHeldOut", heldOut)] : []),
    ...(folds > 0 ? [words.say("sentenceFolds", folds)] : []),
  ];
}

/** What was found in the data, what stops a run first. */
export function findings(words: Words, data: TuneData, open: (place: Open) => void): HTMLElement {
  const stops = data.findings.some(({ severity }) => severity === "error");
  const title = words.say(stops ? "whatIsWrong" : "findings");
  if (data.findings.length === 0) return element("p", { class: "fine" }, words.say("nothingFound"));
  return element(
    "section",
    { class: "findings" },
    element("h2", {}, title),
    element("ul", {}, ...data.findings.map((finding) => item(words, finding, open))),
  );
}

function item(words: Words, finding: TuneFinding, open: (place: Open) => void): HTMLElement {
  const { severity, message, places, more } = finding;
  const word =
    severity === "error" ? "severityError" : severity === "warning" ? "severityWarning" : "severityInfo";
  return element(
    "li",
    { class: severity },
    element("span", { class: "severity" }, words.say(word)),
    element("span", { class: "message" }, message),
    places.length === 0
      ? null
      : element(
          "ul",
          {},
          ...places.map(({ file, line, where, message: what }) => {
            if (file === null) return element("li", {}, what);
            const link = button(where, () => open({ type: "open", file, line }));
            link.className = "link";
            return element("li", {}, link, " ", what);
          }),
          more > 0 ? element("li", { class: "soft" }, words.say("more", more)) : null,
        ),
  );
}

/** Examples of each class in each part. */
export function examples(words: Words, data: TuneData): HTMLElement {
  const { classes, split, answered, unanswered, skipped } = data;
  const numbers = (all: number, train: number, test: number) =>
    [all, ...(split === null ? [] : [train, test])].map((count) => element("td", {}, words.number(count)));
  const heads = ["all", ...(split === null ? [] : (["train", "test"] as const))] as const;
  const besides = [
    ...(unanswered > 0 ? [words.say("unanswered", unanswered)] : []),
    ...(skipped > 0 ? [words.say("skipped", skipped)] : []),
  ];
  return element(
    "section",
    { class: "examples" },
    element("h2", {}, words.say("classes")),
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          element("th", { scope: "col" }, words.say("class")),
          ...heads.map((head) => element("th", { scope: "col" }, words.say(head))),
        ),
      ),
      element(
        "tbody",
        {},
        ...classes.map(({ label, all, train, test }) =>
          element(
            "tr",
            {},
            element("th", { scope: "row" }, label ?? words.say("noLabel")),
            ...numbers(all, train, test),
          ),
        ),
      ),
      element(
        "tfoot",
        {},
        element(
          "tr",
          {},
          element("th", { scope: "row" }, words.say("together")),
          ...numbers(answered, split?.train ?? 0, split?.test ?? 0),
        ),
      ),
    ),
    besides.length === 0 ? null : element("p", { class: "soft" }, besides.join(", ")),
    split === null ? null : element("p", { class: "soft" }, words.say(split.drawn ? "drawn" : "given")),
  );
}

/** With what, on what, and what it costs. */
export function facts(words: Words, plan: TunePlan | null): HTMLElement {
  const unknown = words.say("costUnknown");
  const rows: [string, string][] =
    plan === null
      ? [
          [words.say("time"), unknown],
          [words.say("memory"), unknown],
        ]
      : [
          [
            words.say("baseModel"),
            words.say(
              "modelValue",
              plan.model,
              Math.round(plan.parameters / 1e6),
              plan.license ?? words.say("notReadYet"),
            ),
          ],
          [words.say("method"), methodName(words, plan.method)],
          [words.say("steps"), words.number(plan.steps)],
          [words.say("device"), words.say("deviceValue", plan.device, plan.threads, plan.precision)],
          [words.say("time"), words.say("atMost", words.duration(plan.seconds))],
          [
            words.say("memory"),
            words.say("memoryValue", words.bytes(plan.bytes), words.bytes(plan.available)),
          ],
        ];
  const notes = [
    ...(plan === null || plan.cutTexts === 0 ? [] : [words.say("cut", plan.cutTexts, plan.textRoom)]),
    ...(plan?.probe === true ? [words.say("probe")] : []),
    ...(plan?.decisions ?? []),
  ];
  return element(
    "section",
    { class: "facts" },
    element(
      "dl",
      {},
      ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
    ),
    notes.length === 0
      ? null
      : element("ul", { class: "soft" }, ...notes.map((note) => element("li", {}, note))),
  );
}
