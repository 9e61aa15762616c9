import type { FromReport } from "../../protocol";
import { element } from "../label/dom";
import { gridOf } from "./grid";
import { pngOf, sourceOf, standalone, stripsOf } from "./picture";
import { csvOf, markdownOf } from "./table-text";
import type { Words } from "./words";

interface Tools {
  readonly words: Words;
  post(message: FromReport): void;
  /** Says a word to everybody, also to who cannot see. */
  say(sentence: string): void;
}

/** Below each table and picture: what it can be copied as. */
export function offerCopies(root: ParentNode, tools: Tools): void {
  const { words } = tools;
  for (const table of root.querySelectorAll<HTMLTableElement>("table[data-name]")) {
    const name = table.dataset.name!;
    const strips = table.querySelector("svg.strip") !== null;
    const bar = copyBar(name, [
      [words.say("copyMarkdown"), () => copyText(markdownOf(gridOf(table)), tools)],
      [words.say("copyCsv"), () => copyText(csvOf(gridOf(table)), tools)],
      ...(strips ? pictureCopies(name, () => stripsOf(table)!, tools) : []),
    ]);
    (table.closest(".scroll") ?? table).after(bar);
  }
  for (const picture of root.querySelectorAll<SVGSVGElement>("figure svg")) {
    const name = picture.getAttribute("aria-label") ?? "";
    const bar = copyBar(
      name,
      pictureCopies(name, () => standalone(picture), tools),
    );
    picture.closest("figure")!.querySelector("figcaption, svg:last-of-type")!.after(bar);
  }
}

function pictureCopies(name: string, draw: () => SVGSVGElement, tools: Tools): [string, () => void][] {
  return [
    [tools.words.say("copyPng"), () => void copyPng(name, draw(), tools)],
    [tools.words.say("copySvg"), () => copyText(sourceOf(draw()), tools)],
  ];
}

function copyBar(name: string, copies: readonly (readonly [string, () => void])[]): HTMLElement {
  return element(
    "div",
    { class: "copies", role: "group", "aria-label": name },
    ...copies.map(([word, work]) => {
      const button = element("button", { type: "button" }, word);
      button.addEventListener("click", work);
      return button;
    }),
  );
}

function copyText(text: string, tools: Tools): void {
  tools.post({ type: "copy", text });
  tools.say(tools.words.say("copied"));
}

/** Pictures go to the clipboard through the browser; where it refuses, the extension asks for a file. */
async function copyPng(name: string, picture: SVGSVGElement, tools: Tools): Promise<void> {
  const blob = await pngOf(picture);
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    tools.say(tools.words.say("copied"));
  } catch {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const content = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
    tools.post({ type: "save", name, format: "png", content });
  }
}
