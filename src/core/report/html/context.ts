import type { JudgedTexts } from "../../runs/judged-texts";
import type { Report } from "../../schema";
import type { Unseen } from "../unseen";
import type { Language } from "../language";

/** What the parts of a report's page are made from. */
export interface Context {
  readonly report: Report;
  /** Texts by id, as far as they are at hand. */
  readonly texts: JudgedTexts;
  /** Texts outside the test part; null where nothing is known of any. */
  readonly unseen: Unseen | null;
  readonly language: Language;
}
