const SVG = "http://www.w3.org/2000/svg";
/** What a picture's looks consist of; the rest stands in its attributes. */
const LOOKS = [
  "fill",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "stroke-linejoin",
  "opacity",
  "font-family",
  "font-size",
  "font-weight",
];

/** A picture of the page that stands by itself: looks are written into it, and what lies behind it is its ground. */
export function standalone(picture: SVGSVGElement): SVGSVGElement {
  const copy = picture.cloneNode(true) as SVGSVGElement;
  const shown = [picture, ...picture.querySelectorAll<SVGElement>("*")];
  [copy, ...copy.querySelectorAll<SVGElement>("*")].forEach((part, at) => {
    const looks = getComputedStyle(shown[at]!);
    part.removeAttribute("class");
    part.removeAttribute("style");
    for (const name of LOOKS) part.setAttribute(name, looks.getPropertyValue(name));
  });
  const { width, height } = sizeOf(picture);
  const box = picture.getAttribute("viewBox") ?? `0 0 ${width} ${height}`;
  const [x = 0, y = 0, across = width, down = height] = box.split(/[\s,]+/).map(Number);
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("viewBox", box);
  copy.setAttribute("width", String(width));
  copy.setAttribute("height", String(height));
  const ground = document.createElementNS(SVG, "rect");
  for (const [name, value] of Object.entries({ x, y, width: across, height: down }))
    ground.setAttribute(name, String(value));
  ground.setAttribute("fill", getComputedStyle(document.body).backgroundColor);
  copy.prepend(ground);
  return copy;
}

const sizeOf = (picture: SVGSVGElement) => {
  const { width, height } = picture.getBoundingClientRect();
  // One that is folded away has no size of its own.
  const [, , across = 460, down = 300] = (picture.getAttribute("viewBox") ?? "").split(/[\s,]+/).map(Number);
  return width > 0 ? { width, height } : { width: across, height: down };
};

const MARGIN = 12;
const ROW = 26;
const STRIP = 320;
const HEADING = 22;

/** The dots and bars of a table's rows as one picture: a name, its strip, its figure. */
export function stripsOf(table: HTMLTableElement): SVGSVGElement | null {
  const rows = [...table.tBodies[0]!.rows].flatMap((row) => {
    const strip = row.querySelector<SVGSVGElement>("svg.strip");
    const name = row.cells[0]?.querySelector("bdi, button")?.textContent ?? firstText(row.cells[0]);
    return strip === null ? [] : [{ strip, name, figure: figureOf(row) }];
  });
  if (rows.length === 0) return null;
  const font = getComputedStyle(table).fontFamily;
  const ink = getComputedStyle(document.body).color;
  const names = Math.min(260, 16 + 7.5 * Math.max(...rows.map(({ name }) => name.length)));
  const figures = 16 + 7 * Math.max(...rows.map(({ figure }) => figure.length));
  const width = MARGIN + names + STRIP + figures + MARGIN;
  const height = MARGIN + HEADING + ROW * rows.length + MARGIN;
  const picture = make("svg", { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}` });
  picture.append(make("rect", { width, height, fill: getComputedStyle(document.body).backgroundColor }));
  const write = (text: string, x: number, y: number, anchor: string) => {
    const line = make("text", {
      x,
      y,
      fill: ink,
      "font-family": font,
      "font-size": 13,
      "text-anchor": anchor,
    });
    line.textContent = text;
    picture.append(line);
  };
  const scale = table.tHead?.querySelector<SVGSVGElement>("svg.scale") ?? null;
  const place = (part: SVGSVGElement, y: number) => {
    const inner = withLooks(part);
    for (const [name, value] of Object.entries({ x: MARGIN + names, y, width: STRIP }))
      inner.setAttribute(name, String(value));
    picture.append(inner);
  };
  if (scale !== null) place(scale, MARGIN);
  rows.forEach(({ strip, name, figure }, at) => {
    const y = MARGIN + HEADING + ROW * at;
    write(name.length > 34 ? `${name.slice(0, 33)}…` : name, MARGIN, y + 15, "start");
    place(strip, y);
    write(figure, width - MARGIN, y + 15, "end");
  });
  return picture;
}

function withLooks(picture: SVGSVGElement): SVGSVGElement {
  const copy = standalone(picture);
  copy.querySelector("rect")!.remove(); // its ground
  copy.removeAttribute("viewBox");
  return copy;
}

const firstText = (cell: HTMLTableCellElement | undefined): string =>
  (cell?.firstChild?.textContent ?? "").trim();

/** The figure beside a strip. */
const figureOf = (row: HTMLTableRowElement): string => {
  const strip = [...row.cells].findIndex((cell) => cell.classList.contains("picture"));
  return (row.cells[strip + 1]?.textContent ?? "").replace(/\s+/g, " ").trim();
};

function make<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string | number>>,
): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, String(value));
  return made;
}

export const sourceOf = (picture: SVGSVGElement): string => new XMLSerializer().serializeToString(picture);

/** Drawn twice as large as it is shown: sharp on paper and on dense screens. */
const SCALE = 2;

export async function pngOf(picture: SVGSVGElement): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(sourceOf(picture))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = SCALE * Number(picture.getAttribute("width"));
  canvas.height = SCALE * Number(picture.getAttribute("height"));
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob === null) reject(new Error("The picture could not be drawn."));
      else resolve(blob);
    }, "image/png");
  });
}
