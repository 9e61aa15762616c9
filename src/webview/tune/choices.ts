import type { TuneChoices, TuneView, TuneWord } from "../../protocol";
import { element } from "../label/dom";
import type { Words } from "./words";

const METHODS: Readonly<Record<string, TuneWord>> = {
  "ptuning-bias": "methodPtuningBias",
  ptuning: "methodPtuning",
  prompt: "methodPrompt",
  bias: "methodBias",
  lora: "methodLora",
  full: "methodFull",
};

/** A method as a person would call it. */
export function methodName(words: Words, method: string): string {
  const word = METHODS[method];
  return word === undefined ? method : words.say(word);
}

const FOLDS = [0, 3, 5, 10];

/** What may be chosen, folded away: whoever does not care presses Enter. */
export class Choices {
  readonly root = element("details", { class: "choices" });
  private shown = "";

  constructor(
    private readonly words: Words,
    private readonly choose: (choices: TuneChoices) => void,
  ) {}

  show({ stage, choices, methods, models, plan }: TuneView): void {
    this.root.hidden = !["planning", "ready", "refused"].includes(stage);
    const [steps, seed] = [plan?.steps ?? null, plan?.seed ?? null];
    const shown = JSON.stringify([choices, methods, models, steps, seed]);
    // What is being typed is not taken away by a plan that arrives.
    if (this.root.hidden || shown === this.shown || this.root.contains(document.activeElement)) return;
    this.shown = shown;
    const { words } = this;
    // Fields that are not drawn anew while one of them has the focus: each adds to what the others have said since.
    let latest = choices;
    const change = (part: Partial<TuneChoices>) => {
      latest = { ...latest, ...part };
      this.choose(latest);
    };
    this.root.replaceChildren(
      element("summary", {}, words.say("advanced")),
      element(
        "div",
        { class: "fields" },
        field(
          words.say("baseModel"),
          select(
            models.map(({ value, name }) => ({
              value,
              name: value === null ? words.say("default", name) : name,
            })),
            choices.base,
            (base) => change({ base }),
          ),
        ),
        field(
          words.say("method"),
          select(
            methods.map((method, at) => ({
              value: at === 0 ? null : method,
              name: at === 0 ? words.say("default", methodName(words, method)) : methodName(words, method),
            })),
            choices.method,
            (method) => change({ method }),
          ),
        ),
        field(
          words.say("folds"),
          select(
            FOLDS.map((folds) => ({
              value: String(folds),
              name: folds === 0 ? words.say("foldsNone") : words.say("foldsSome", folds),
            })),
            String(choices.folds),
            (folds) => change({ folds: Number(folds) }),
          ),
          choices.folds === 0 ? words.say("foldsHint") : words.say("foldsCost", choices.folds + 1),
        ),
        field(
          words.say("steps"),
          number(choices.steps, choices.steps === null ? steps : null, 1, (wanted) =>
            change({ steps: wanted }),
          ),
        ),
        field(
          words.say("seed"),
          number(choices.seed, choices.seed === null ? seed : null, 0, (wanted) => change({ seed: wanted })),
        ),
      ),
    );
  }
}

function field(name: string, input: HTMLElement, hint: string | null = null): HTMLElement {
  return element(
    "label",
    {},
    element("span", {}, name),
    input,
    hint === null ? null : element("small", {}, hint),
  );
}

function select(
  options: readonly { readonly value: string | null; readonly name: string }[],
  chosen: string | null,
  change: (value: string | null) => void,
): HTMLSelectElement {
  const made = element(
    "select",
    {},
    ...options.map(({ value, name }, at) =>
      element("option", { value: String(at), selected: value === chosen }, name),
    ),
  );
  made.addEventListener("change", () => change(options[Number(made.value)]?.value ?? null));
  return made;
}

/** A whole number, or nothing for what is decided from the data. */
function number(
  value: number | null,
  usual: number | null,
  least: number,
  change: (value: number | null) => void,
): HTMLInputElement {
  const made = element("input", {
    type: "number",
    min: least,
    step: 1,
    value: value ?? "",
    placeholder: usual ?? "",
  });
  made.addEventListener("change", () => {
    if (made.value === "") change(null);
    else if (made.checkValidity()) change(Number(made.value));
    else made.reportValidity();
  });
  return made;
}
