interface Node {
  id: number | null;
  readonly next: Map<number, Node>;
}

/** Pieces by their bytes. */
export class PieceTrie {
  private readonly root: Node = { id: null, next: new Map() };

  add(bytes: Uint8Array, id: number): void {
    let node = this.root;
    for (const byte of bytes) {
      let next = node.next.get(byte);
      if (next === undefined) node.next.set(byte, (next = { id: null, next: new Map() }));
      node = next;
    }
    node.id = id;
  }

  /** Calls `found` for each piece that begins at `start`, the shortest first. */
  each(text: Uint8Array, start: number, found: (id: number, end: number) => void): void {
    let node: Node | undefined = this.root;
    for (let i = start; i < text.length; ++i) {
      node = node.next.get(text[i]!);
      if (node === undefined) return;
      if (node.id !== null) found(node.id, i + 1);
    }
  }

  /** Bytes of the longest piece that begins at `start`; 0 where none does. */
  longest(text: Uint8Array, start: number): number {
    let length = 0;
    this.each(text, start, (_, end) => (length = end - start));
    return length;
  }

  /** The piece that is exactly these bytes, or null. */
  at(text: Uint8Array, start: number, end: number): number | null {
    let node: Node | undefined = this.root;
    for (let i = start; i < end; ++i) {
      node = node.next.get(text[i]!);
      if (node === undefined) return null;
    }
    return node.id;
  }
}

/** Bytes of a normalised text, and their piece; null where there is none. */
export interface Cut {
  readonly start: number;
  readonly end: number;
  readonly id: number | null;
}

/** Bytes of the character that begins with this byte. */
export function characterLength(first: number): number {
  return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}
