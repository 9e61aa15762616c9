import type { Guess, LabelWord, LabelWords, Suggestion, Why } from "../../protocol";

/** The page's words with what stands in them, in the user's language. */
export class Words {
  private readonly percents: Intl.NumberFormat;
  private readonly numbers: Intl.NumberFormat;

  constructor(
    private readonly words: LabelWords,
    locale: string,
  ) {
    this.percents = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
    this.numbers = new Intl.NumberFormat(locale);
  }

  /** A word with `{0}`, `{1}` … filled in. */
  say(word: LabelWord, ...values: (string | number)[]): string {
    return this.words[word].replace(/\{(\d)\}/g, (whole, at: string) => {
      const value = values[Number(at)];
      return value === undefined ? whole : typeof value === "number" ? this.numbers.format(value) : value;
    });
  }

  number(value: number): string {
    return this.numbers.format(value);
  }

  percent(share: number): string {
    return this.percents.format(share);
  }

  /** Why a text is shown, in a sentence. */
  why(why: Why): string {
    switch (why.kind) {
      case "file":
        return this.say("whyFile", why.line + 1);
      case "random":
        return this.say("whyRandom");
      case "hesitates":
        return why.between.length === 1
          ? this.say("whyUnsure", this.guess(why.between[0]!))
          : this.say("whyHesitates", ...why.between.map((guess) => this.guess(guess)));
      case "disagrees":
        if (why.model === null) return this.say("whyMisses", this.guess(why.yours!));
        return why.yours === null
          ? this.say("whyAdds", this.guess(why.model))
          : this.say("whyDisagrees", this.guess(why.model), this.guess(why.yours));
      case "wrong": {
        const predicted = why.predicted.length === 0 ? this.say("noLabel") : why.predicted.join(", ");
        return this.say(why.test ? "whyWrongTest" : "whyWrong", predicted);
      }
    }
  }

  /** A suggestion in a line. */
  suggestion(suggestion: Suggestion): string {
    switch (suggestion.state) {
      case "waiting":
        return this.say("suggestionWaiting");
      case "ready":
        if (suggestion.output !== null) return this.say("suggestion", suggestion.output);
        return this.say(
          "suggestion",
          suggestion.labels
            .slice(0, 3)
            .map((guess) => this.guess(guess))
            .join(" · "),
        );
      case "none":
        switch (suggestion.reason) {
          case "fitted":
            return this.say("suggestionFitted");
          case "test":
            return this.say("suggestionTest");
          case "broken":
            return "";
          case "failed":
            return suggestion.message ?? this.say("suggestionFailed");
        }
    }
  }

  private guess({ label, probability }: Guess): string {
    return `${label} ${this.percent(probability)}`;
  }
}
