import { percent } from "../../percent";
import type { Guess, LabelWord, Suggestion, Why } from "../../protocol";
import { PageWords } from "../ui/words";

/** The page's words with what stands in them, in the user's language. */
export class Words extends PageWords<LabelWord> {
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
        return this.say("whyDisagrees", this.guess(why.model), this.guess(why.yours));
      case "adds":
        return this.say("whyAdds", this.guess(why.model));
      case "misses":
        return this.say("whyMisses", this.guess(why.yours));
      case "agrees":
        return this.say("whyAgrees");
      case "changed":
        return this.say("whyChanged");
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
          case "drawn":
            return this.say("suggestionDrawn");
          case "broken":
            return "";
          case "failed":
            return suggestion.message ?? this.say("suggestionFailed");
        }
    }
  }

  private guess({ label, probability }: Guess): string {
    return `${label} ${percent(probability)}`;
  }
}
