/**
 * Sentences with places to fill, and the forms of the words that a count decides. Imports nothing, so that the pages in the editor
 * can have it too.
 */

/** What fills a place. */
export interface Filling {
  readonly said: string;
  /** Decides the forms of words; NaN where it is no number. */
  readonly count: number;
}

/**
 * A sentence with its places filled: `{0}` with what is said, `{0:text|texts}` with that and the form that the count asks for,
 * `{0/text|texts}` with the form alone. Forms are those that `Intl.PluralRules` tells apart, in the order one, few, many.
 * @param fillingOf Of a place by its number; undefined leaves the place as it stands.
 */
export const fillPlaces = (
  text: string,
  language: string,
  fillingOf: (at: number) => Filling | undefined,
): string =>
  text.replace(/\{(\d+)(?:([:/])([^}]*))?\}/gu, (whole, at: string, how?: string, forms?: string) => {
    const filling = fillingOf(Number(at));
    if (filling === undefined) return whole;
    if (forms === undefined) return filling.said;
    const form = formOf(forms.split("|"), filling.count, language);
    return how === ":" ? `${filling.said} ${form}` : form;
  });

/** Categories of a count in the order in which forms stand; a fraction takes that of a few. */
const CATEGORIES: readonly Intl.LDMLPluralRule[] = ["one", "few", "many"];

function formOf(forms: readonly string[], count: number, language: string): string {
  const category = new Intl.PluralRules(language).select(count);
  const place = category === "other" ? 1 : CATEGORIES.indexOf(category);
  return forms[place] ?? forms.at(-1)!;
}
