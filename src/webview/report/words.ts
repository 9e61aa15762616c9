import type { ReportWord } from "../../protocol";
import { PageWords } from "../ui/words";

/** A panel's words. */
export class Words extends PageWords<ReportWord> {}
