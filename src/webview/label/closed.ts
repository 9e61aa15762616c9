import type { FromLabel, ToLabel } from "../../protocol";
import { button, element } from "./dom";
import { Words } from "./words";

/** Where there is nothing to label: why, and what to do. */
export class ClosedPage {
  readonly root: HTMLElement;

  constructor(
    { message, words, locale, task }: Extract<ToLabel, { type: "closed" }>,
    post: (message: FromLabel) => void,
  ) {
    const said = new Words(words, locale);
    this.root = element(
      "main",
      { class: "closed" },
      element("p", {}, message),
      element(
        "p",
        { class: "actions" },
        task ? button(said.say("openTask"), () => post({ type: "open-task" })) : null,
        button(said.say("openText"), () => post({ type: "open-text", line: null })),
      ),
    );
  }
}
