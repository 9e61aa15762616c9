import type { TuneAction, TuneView } from "../../protocol";
import { element } from "../label/dom";
import type { Words } from "./words";

/** What can be done now, the usual first. */
export function actionsOf({ stage, trouble, data }: TuneView): TuneAction[] {
  switch (stage) {
    case "planning":
    case "ready":
      return ["tune"];
    case "refused":
      if (trouble !== null) return [...trouble.actions, "again"].filter(isFirst) as TuneAction[];
      return data === null ? ["again"] : ["check", "label", "again"];
    case "queued":
    case "keeping":
      return ["cancel"];
    case "running":
      return ["keep", "cancel"];
    case "cancelling":
      return [];
    case "done":
      return ["report", "again"];
    case "cancelled":
      return ["resume", "again", "delete"];
    case "failed":
      return [...(trouble?.actions ?? []), "again"].filter(isFirst) as TuneAction[];
  }
}

const isFirst = (action: string, at: number, all: readonly string[]) => all.indexOf(action) === at;

/** Buttons for what can be done; they stay the same elements for as long as they say the same. */
export class Actions {
  readonly root = element("p", { class: "actions" });
  private shown = "";
  private wasOver = true;

  constructor(
    private readonly words: Words,
    private readonly act: (action: TuneAction) => void,
  ) {}

  show(view: TuneView): void {
    // Until the examples are read nobody knows whether there is something to tune.
    const early = view.stage === "planning" && view.data === null;
    const actions = actionsOf(view);
    const shown = JSON.stringify([actions, early, view.stage === "running"]);
    if (shown === this.shown) return;
    this.shown = shown;
    this.root.replaceChildren(
      ...actions.map((action, at) => {
        const button = element(
          "button",
          {
            type: "button",
            class: at === 0 && view.stage !== "running" && view.stage !== "keeping" ? "primary" : "other",
            "data-action": action,
            disabled: early,
          },
          this.words.say(action),
        );
        button.addEventListener("click", () => this.act(action));
        return button;
      }),
    );
    // The next step is under Enter; but never what would end a run that has just begun.
    const over = view.stage !== "queued" && view.stage !== "running" && view.stage !== "keeping";
    const first = this.root.querySelector<HTMLButtonElement>("button:not([disabled])");
    if (over && (this.wasOver || document.activeElement === document.body)) first?.focus();
    this.wasOver = over;
  }
}
