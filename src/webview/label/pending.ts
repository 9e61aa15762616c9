import type { LabelRow } from "../../protocol";

/** Greater than that of any page before, also of one that was thrown away: what is said of its edits means no other. */
let last = Date.now();

/**
 * Edits that the extension has not answered yet. What it says of their lines meanwhile is older than what the person has
 * done since, and waits.
 */
export class PendingEdits {
  private lines = new Map<number, number>();
  private readonly waiting = new Map<number, LabelRow>();

  /** @returns Number of the edit. */
  begin(line: number): number {
    this.lines.set(++last, line);
    return last;
  }

  waitsFor(edit: number): boolean {
    return this.lines.has(edit);
  }

  /** @returns The row, or null where it has to wait. */
  pass(row: LabelRow): LabelRow | null {
    if (![...this.lines.values()].includes(row.line)) return row;
    this.waiting.set(row.line, row);
    return null;
  }

  /** @returns The row that has waited, where this was the last edit of its line. */
  end(edit: number): LabelRow | null {
    const line = this.lines.get(edit);
    this.lines.delete(edit);
    if (line === undefined || [...this.lines.values()].includes(line)) return null;
    const row = this.waiting.get(line) ?? null;
    this.waiting.delete(line);
    return row;
  }

  /** Lines have moved: what is known of them comes anew. */
  clear(): void {
    this.lines = new Map();
    this.waiting.clear();
  }
}
