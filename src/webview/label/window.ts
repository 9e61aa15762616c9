/** Rows of a long list that are in the page: those on the screen and some beside it. */
export interface Window {
  readonly first: number;
  /** Past the last one. */
  readonly end: number;
}

const BESIDE = 12;

/** Which rows stand in the page. Heights in pixels; every row is as high as the others. */
export function windowOf(scrolled: number, height: number, rowHeight: number, count: number): Window {
  const first = Math.max(0, Math.floor(scrolled / rowHeight) - BESIDE);
  const end = Math.min(count, Math.ceil((scrolled + height) / rowHeight) + BESIDE);
  return { first: Math.min(first, end), end };
}

/** Where to scroll so that a row can be seen, moving as little as possible; a row far off comes to the middle. */
export function scrollFor(row: number, scrolled: number, height: number, rowHeight: number): number {
  const top = row * rowHeight;
  const bottom = top + rowHeight;
  if (top >= scrolled && bottom <= scrolled + height) return scrolled;
  const far = top < scrolled - height || bottom > scrolled + 2 * height;
  if (far) return Math.max(0, top - (height - rowHeight) / 2);
  return top < scrolled ? top : bottom - height;
}
