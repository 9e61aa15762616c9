type Child = Node | string | null;

/**
 * An element with attributes and children; texts enter as text. An attribute that is false or null is left out, one that is
 * true is empty.
 */
export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string | number | boolean | null>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== false && value !== null) made.setAttribute(attribute, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A button that runs `work`; `key` is shown beside its word and told to screen readers. */
export function button(word: string, work: () => void, key: string | null = null): HTMLButtonElement {
  const made = element(
    "button",
    { type: "button", "aria-keyshortcuts": key },
    key === null ? null : element("kbd", { "aria-hidden": "true" }, key.toUpperCase()),
    element("span", {}, word),
  );
  made.addEventListener("click", work);
  return made;
}

/** The beginning of a text. A character is not cut in two. */
export function beginning(text: string, most: number): string {
  const inTwo = text.length > most && (text.charCodeAt(most - 1) & 0xfc00) === 0xd800;
  return text.slice(0, inTwo ? most - 1 : most);
}
