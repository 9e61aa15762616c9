/** Words that two texts must have in a row to share a passage: longer than a phrase, as in GPT-3's own check (Brown and others 2020). */
export const PASSAGE_WORDS = 13;
/** Every so many words of the texts that are searched among, a run is written down; of a shared passage one is always met. */
const STRIDE = 4;
const RUN = PASSAGE_WORDS - STRIDE + 1;

const wordsOf = (compared: string) => compared.split(/\s+/u).filter((word) => word !== "");

const keyOf = (words: readonly string[], at: number) => words.slice(at, at + RUN).join(" ");

/** Finds passages of some texts in others. Texts are given as `comparedText` leaves them. */
export class Passages {
  private readonly words: readonly (readonly string[])[];
  /** Where a run stands first. */
  private readonly runs = new Map<string, { text: number; at: number }>();

  constructor(texts: readonly string[]) {
    this.words = texts.map(wordsOf);
    this.words.forEach((words, text) => {
      for (let at = 0; at + RUN <= words.length; at += STRIDE) {
        const key = keyOf(words, at);
        if (!this.runs.has(key)) this.runs.set(key, { text, at });
      }
    });
  }

  /** The longest passage that a text shares with one of the others, from PASSAGE_WORDS words on. */
  find(compared: string): { text: number; words: number } | null {
    const words = wordsOf(compared);
    let best: { text: number; words: number } | null = null;
    for (let at = 0; at + RUN <= words.length; at++) {
      const met = this.runs.get(keyOf(words, at));
      if (met === undefined) continue;
      const length = this.extent(words, at, met);
      if (length >= PASSAGE_WORDS && length > (best?.words ?? 0)) best = { text: met.text, words: length };
    }
    return best;
  }

  private extent(words: readonly string[], at: number, met: { text: number; at: number }): number {
    const other = this.words[met.text]!;
    const same = (shift: number) => {
      const word = words[at + shift];
      return word !== undefined && word === other[met.at + shift];
    };
    let from = 0;
    while (same(from - 1)) from--;
    let to = RUN;
    while (same(to)) to++;
    return to - from;
  }
}
