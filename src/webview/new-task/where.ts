import type { FromNewTask, NewTaskView } from "../../new-task-protocol";
import { element } from "../label/dom";
import { fill, line, named, select, type Choice } from "./fields";
import { Slot } from "./slot";
import type { Words } from "./words";

const FILE = "\0file";

/** Base model, size of the test part, name of the new files. */
export class Where {
  readonly share: HTMLInputElement;
  readonly out: HTMLInputElement;
  private readonly model = new Slot(element("div", {}));
  private readonly given: HTMLElement;
  private readonly drawn: HTMLElement;
  readonly root: HTMLElement;

  constructor(
    private readonly words: Words,
    private readonly post: (message: FromNewTask) => void,
  ) {
    this.share = element("input", { type: "number", "data-id": "share", min: 1, max: 99, step: 1 });
    this.share.addEventListener("input", () =>
      post({
        type: "test-share",
        percent: Number.isFinite(this.share.valueAsNumber) ? this.share.valueAsNumber : 0,
      }),
    );
    this.out = line("out", (value) => post({ type: "write-in", field: "out", value }));
    this.given = element("p", { class: "hint", hidden: true }, words.say("fileSays"));
    this.drawn = named(words.say("testShare"), this.share, words.say("testShareHint"));
    this.root = element(
      "div",
      { class: "where" },
      this.model.root,
      this.drawn,
      this.given,
      named(words.say("fileName"), this.out),
    );
  }

  show(view: NewTaskView): void {
    const { baseModel, models, defaultModel } = view;
    this.model.show([baseModel, models, defaultModel], () => [this.models(view)]);
    fill(this.share, String(view.testShare));
    this.given.hidden = !view.splitGiven;
    this.drawn.hidden = view.splitGiven;
    fill(this.out, view.out);
  }

  private models({ baseModel, models, defaultModel }: NewTaskView): HTMLElement {
    const { words } = this;
    const first =
      defaultModel === null
        ? "…"
        : words.say(defaultModel.here ? "modelDefault" : "modelMissing", defaultModel.name);
    const others = baseModel === null || models.includes(baseModel) ? models : [...models, baseModel];
    const choices: Choice[] = [
      { value: "", word: first },
      ...others.map((name) => ({ value: name, word: name })),
      { value: FILE, word: words.say("baseModelFile") },
    ];
    const chosen = (value: string) => {
      if (value !== FILE) {
        this.post({ type: "model", name: value === "" ? null : value });
        return;
      }
      // What is shown stays what it was until a file has been picked.
      this.model.forget();
      this.post({ type: "model-file" });
    };
    return named(words.say("baseModel"), select("model", null, choices, baseModel ?? "", chosen));
  }
}
