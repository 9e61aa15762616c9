import { languageName } from "../say";
import type { TextTokenizer } from "./base-model";

/** The same short report in several languages, written for this. */
const SAMPLES: readonly (readonly [code: string, text: string])[] = [
  [
    "en",
    "The town council met on Tuesday evening to discuss the new bridge. Several residents said that the old one is dangerous and should be closed before winter. Others fear that the work will take years and cost far more than promised. A decision is expected next month.",
  ],
  [
    "de",
    "Der Stadtrat hat am Dienstagabend über die neue Brücke beraten. Mehrere Einwohner sagten, die alte sei gefährlich und müsse noch vor dem Winter gesperrt werden. Andere fürchten, dass die Arbeiten Jahre dauern und weit mehr kosten werden als versprochen. Eine Entscheidung wird im nächsten Monat erwartet.",
  ],
  [
    "fr",
    "Le conseil municipal s'est réuni mardi soir pour discuter du nouveau pont. Plusieurs habitants ont dit que l'ancien est dangereux et devrait être fermé avant l'hiver. D'autres craignent que les travaux durent des années et coûtent bien plus que promis. Une décision est attendue le mois prochain.",
  ],
  [
    "es",
    "El consejo municipal se reunió el martes por la noche para hablar del nuevo puente. Varios vecinos dijeron que el viejo es peligroso y que debería cerrarse antes del invierno. Otros temen que las obras duren años y cuesten mucho más de lo prometido. Se espera una decisión el mes que viene.",
  ],
  [
    "pt",
    "A câmara municipal reuniu-se na terça-feira à noite para discutir a nova ponte. Vários moradores disseram que a antiga é perigosa e deveria ser fechada antes do inverno. Outros receiam que as obras durem anos e custem muito mais do que o prometido. Espera-se uma decisão no próximo mês.",
  ],
  [
    "pl",
    "Rada miasta zebrała się we wtorek wieczorem, aby omówić nowy most. Kilku mieszkańców powiedziało, że stary jest niebezpieczny i powinien zostać zamknięty przed zimą. Inni obawiają się, że prace potrwają lata i będą kosztować znacznie więcej, niż obiecano. Decyzja ma zapaść w przyszłym miesiącu.",
  ],
  [
    "ru",
    "Во вторник вечером городской совет обсуждал новый мост. Несколько жителей сказали, что старый мост опасен и его нужно закрыть до зимы. Другие опасаются, что работы займут годы и обойдутся гораздо дороже, чем обещали. Решение ожидается в следующем месяце.",
  ],
  [
    "uk",
    "У вівторок увечері міська рада обговорювала новий міст. Кілька мешканців сказали, що старий міст небезпечний і його треба закрити до зими. Інші побоюються, що роботи триватимуть роками й коштуватимуть набагато більше, ніж обіцяли. Рішення очікують наступного місяця.",
  ],
  [
    "ar",
    "اجتمع مجلس المدينة مساء الثلاثاء لمناقشة الجسر الجديد. قال عدد من السكان إن الجسر القديم خطير ويجب إغلاقه قبل الشتاء. ويخشى آخرون أن تستغرق الأعمال سنوات وأن تكلف أكثر بكثير مما وُعد به. ومن المتوقع صدور قرار في الشهر المقبل.",
  ],
  [
    "zh",
    "市议会周二晚上开会讨论新桥。几位居民说,旧桥很危险,应该在冬天之前关闭。另一些人担心工程会持续数年,花费远远超过承诺的数额。预计下个月作出决定。",
  ],
];

/**
 * How many times the tokens of the cheapest language a text may cost and still count as served well, or at a cost. A language
 * beyond the second falls into pieces of one to three letters.
 */
const WELL = 1.5;
const AT_A_COST = 2.4;

/** How a tokenizer cuts a language. It tells what a text costs, and hints at how much of the language the model has seen. */
export interface LanguageCost {
  /** Its name, for people. */
  readonly language: string;
  readonly tokensPerWord: number;
  /** Tokens of the same text, compared with the language that takes the fewest; null where characters get lost. */
  readonly timesTheFewest: number | null;
  readonly served: (typeof SERVED)[number];
}

export const SERVED = ["well", "at a cost", "poorly", "not at all"] as const;

/** Measures a tokenizer on the samples, the cheapest language first; those whose characters get lost come last. */
export function languageCosts(tokenizer: Pick<TextTokenizer, "encode" | "decode">): LanguageCost[] {
  const counted = SAMPLES.map(([code, text]) => {
    const ids = tokenizer.encode(text);
    const words = [...new Intl.Segmenter(code, { granularity: "word" }).segment(text)].filter(
      ({ isWordLike }) => isWordLike === true,
    );
    const kept = essence(tokenizer.decode(ids)) === essence(text);
    return {
      language: languageName(code),
      tokens: ids.length,
      tokensPerWord: ids.length / words.length,
      kept,
    };
  });
  const fewest = Math.min(...counted.map(({ tokens, kept }) => (kept ? tokens : Infinity)));
  return counted
    .sort((a, b) => Number(b.kept) - Number(a.kept) || a.tokens - b.tokens)
    .map(({ language, tokens, tokensPerWord, kept }) => {
      if (!kept) return { language, tokensPerWord, timesTheFewest: null, served: "not at all" };
      const times = tokens / fewest;
      const served = times <= WELL ? "well" : times <= AT_A_COST ? "at a cost" : "poorly";
      return { language, tokensPerWord, timesTheFewest: times, served };
    });
}

/** What is left where a tokenizer may unify forms of characters and white space. */
function essence(text: string): string {
  return text.normalize("NFKC").replace(/\s/g, "");
}
