import { element } from "../label/dom";

export interface Choice {
  readonly value: string;
  readonly word: string;
  readonly disabled?: boolean;
}

/** A list to choose from. */
export function select(
  id: string,
  label: string | null,
  choices: readonly Choice[],
  value: string,
  chosen: (value: string) => void,
): HTMLSelectElement {
  const made = element("select", { "data-id": id, "aria-label": label });
  for (const choice of choices)
    made.append(
      element(
        "option",
        {
          value: choice.value,
          selected: choice.value === value,
          disabled: choice.disabled === true,
        },
        choice.word,
      ),
    );
  made.value = value;
  made.addEventListener("change", () => chosen(made.value));
  return made;
}

/** A control with its name above it. */
export function named(word: string, control: HTMLElement, hint: string | null = null): HTMLElement {
  const about =
    hint === null ? null : element("span", { class: "hint", id: `${control.dataset.id}-hint` }, hint);
  if (about !== null) control.setAttribute("aria-describedby", about.id);
  return element(
    "div",
    { class: "field" },
    element("label", {}, element("span", { class: "word" }, word), control),
    about,
  );
}

/** A line of text that is told with every stroke. */
export function line(id: string, typed: (value: string) => void): HTMLInputElement {
  const made = element("input", { type: "text", "data-id": id, dir: "auto", spellcheck: "false" });
  made.addEventListener("input", () => typed(made.value));
  return made;
}

/** Writes into a field, unless a person is writing there. */
export function fill(field: HTMLInputElement, value: string): void {
  if (document.activeElement !== field && field.value !== value) field.value = value;
}
