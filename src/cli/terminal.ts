/** Where words go: a terminal, a pipe, or a test's own. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Columns of a terminal; 80 where it does not know them, which it says by 0 (`script`, `docker run -t`). */
export const columnsOf = ({ columns = 0 }: Terminal): number => (columns === 0 ? 80 : columns);

/** Columns of words on a terminal: no more than read well. Null in a pipe. */
export const textWidth = (stream: Terminal): number | null =>
  stream.isTTY === true ? Math.min(columnsOf(stream), 100) : null;

/** Columns of a report in text. */
export const reportWidth = (stream: Terminal): number => textWidth(stream) ?? 100;
