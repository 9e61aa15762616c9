/** What a cell is sorted by: a number where it is one, else text; null, which comes last either way, for an empty one. */
export function sortValue(raw: string): number | string | null {
  if (raw === "") return null;
  const number = Number(raw);
  return Number.isNaN(number) ? raw : number;
}

/** Order of rows by their cells; rows that are alike, and those without a value, keep their order. */
export function sortedPlaces(values: readonly string[], descending: boolean, locale: string): number[] {
  const texts = new Intl.Collator(locale, { numeric: true });
  const keys = values.map(sortValue);
  return keys
    .map((_, place) => place)
    .sort((a, b) => {
      const one = keys[a] ?? null;
      const other = keys[b] ?? null;
      if (one === null || other === null) return Number(one === null) - Number(other === null) || a - b;
      const order =
        typeof one === "number" && typeof other === "number"
          ? one - other
          : texts.compare(String(one), String(other));
      return (descending ? -order : order) || a - b;
    });
}
