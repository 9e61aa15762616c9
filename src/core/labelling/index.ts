export { isCutOff } from "./cut-off";
export { editLine, wholeLine, type LabelAction, type LineEdit } from "./edit";
export { readGuesses, type ModelAnswer, type RunGuesses } from "./guesses";
export { suggestionOf, unanswered } from "./suggest";
export { readSuggestions, writeSuggestions, type Suggested } from "./suggestions";
export { textHash } from "../tuning/run-folder";
export { readRow, Rows, type ExampleRow, type LinesChange, type ReadRow } from "./rows";
