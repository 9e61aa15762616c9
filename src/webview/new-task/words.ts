import type { NewTaskWord } from "../../new-task-protocol";
import { PageWords } from "../ui/words";

/** The page's words. */
export class Words extends PageWords<NewTaskWord> {}
