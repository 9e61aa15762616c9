import type { ToReport } from "../../protocol";
import type { Answered } from "../label/suggester";
import { sentenceOf } from "../../core/system-error";

/**
 * Texts that are being typed, to be judged: one is under way at a time, and of those that come meanwhile only the newest
 * waits. Every text that was asked about is answered, or gives way to a newer one.
 */
export class Tries {
  private busy = false;
  private next: string | null = null;

  /**
   * @param ask Asks the adapter; throws, in a sentence, where it cannot answer.
   * @param tell Takes the answer.
   */
  constructor(
    private readonly ask: (text: string) => Promise<Answered>,
    private readonly tell: (message: ToReport) => void,
  ) {}

  async take(text: string): Promise<void> {
    this.next = text;
    if (this.busy) return;
    this.busy = true;
    try {
      for (let asked = this.newest(); asked !== null; asked = this.newest()) await this.answer(asked);
    } finally {
      this.busy = false;
    }
  }

  private newest(): string | null {
    const text = this.next;
    this.next = null;
    return text;
  }

  private async answer(text: string): Promise<void> {
    try {
      const { labels, output, cut } = await this.ask(text);
      this.tell({ type: "tried", text, labels, output, cut });
    } catch (error) {
      this.tell({ type: "try-failed", message: sentenceOf(error) });
    }
  }
}
