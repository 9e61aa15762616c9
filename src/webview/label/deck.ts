import type { RowState } from "../../protocol";

const LETTERS: Readonly<Record<RowState, string>> = { open: "o", answered: "a", skipped: "s", broken: "x" };

/** The lines under labelling in their order, and the place in them. Knows nothing of their texts. */
export class Deck {
  private order: readonly number[] = [];
  private places = new Map<number, number>();
  private states: string[] = [];
  private place = 0;

  /**
   * @param lines Lines in the order shown.
   * @param states A letter for each line of the file (`arranged` in the protocol).
   * @param keep Line to stay on. Where it is not listed or null: the first that is open, else the first.
   */
  arrange(lines: readonly number[], states: string, keep: number | null): void {
    this.order = lines;
    this.places = new Map(lines.map((line, place) => [line, place]));
    this.states = Array.from(states);
    this.place = (keep === null ? undefined : this.places.get(keep)) ?? this.openFrom(0) ?? 0;
  }

  get length(): number {
    return this.order.length;
  }

  /** From 0. */
  get position(): number {
    return this.place;
  }

  /** Null where nothing is listed. */
  get current(): number | null {
    return this.order[this.place] ?? null;
  }

  lineAt(position: number): number | null {
    return this.order[position] ?? null;
  }

  isOpen(line: number): boolean {
    return this.states[line] === LETTERS.open;
  }

  setState(line: number, state: RowState): void {
    this.states[line] = LETTERS[state];
  }

  /** @returns Whether the place has changed; it stays within the list. */
  moveTo(position: number): boolean {
    const wanted = Math.max(0, Math.min(this.order.length - 1, position));
    const moved = wanted !== this.place && this.order.length > 0;
    if (moved) this.place = wanted;
    return moved;
  }

  /** @returns Whether the line is listed. */
  goTo(line: number): boolean {
    const place = this.places.get(line);
    if (place !== undefined) this.place = place;
    return place !== undefined;
  }

  /**
   * Moves on after an answer: from a text that had none to the next that has none, first behind it and then from the
   * beginning; from one that is corrected to the one behind it.
   * @returns Whether there was anything to move to.
   */
  moveOn(wasOpen: boolean): boolean {
    if (!wasOpen) return this.moveTo(this.place + 1);
    const next = this.openFrom(this.place + 1) ?? this.openFrom(0);
    return next !== null && this.moveTo(next);
  }

  /** Lines that a key press may bring onto the screen, the current one left out. */
  ahead(count: number): number[] {
    const places = new Set<number>();
    for (let step = 1; step <= count; step++) places.add(this.place + step);
    let open = this.openFrom(this.place + 1);
    for (let step = 0; step < count && open !== null; step++) {
      places.add(open);
      open = this.openFrom(open + 1);
    }
    for (let step = 1; step <= count / 4; step++) places.add(this.place - step);
    places.delete(this.place);
    return [...places].flatMap((place) => this.order[place] ?? []);
  }

  private openFrom(position: number): number | null {
    for (let place = position; place < this.order.length; place++) {
      if (this.isOpen(this.order[place]!)) return place;
    }
    return null;
  }
}
