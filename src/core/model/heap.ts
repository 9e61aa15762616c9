/** Items of which the first comes out next. */
export class Heap<T> {
  private readonly items: T[] = [];

  /** @param precedes Whether `a` comes out before `b`. */
  constructor(private readonly precedes: (a: T, b: T) => boolean) {}

  push(item: T): void {
    const { items, precedes } = this;
    let i = items.push(item) - 1;
    for (let up = (i - 1) >> 1; i > 0 && precedes(item, items[up]!); i = up, up = (i - 1) >> 1) {
      items[i] = items[up]!;
    }
    items[i] = item;
  }

  pop(): T | undefined {
    const { items, precedes } = this;
    const first = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return first;
    let i = 0;
    for (;;) {
      let down = 2 * i + 1;
      if (down >= items.length) break;
      if (down + 1 < items.length && precedes(items[down + 1]!, items[down]!)) ++down;
      if (!precedes(items[down]!, last)) break;
      items[i] = items[down]!;
      i = down;
    }
    items[i] = last;
    return first;
  }
}
