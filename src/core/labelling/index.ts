export { isCutOff } from "./cut-off";
export { editLine, type LabelAction, type LineEdit } from "./edit";
export { readGuesses, type ModelAnswer, type RunGuesses } from "./guesses";
export { suggestionOf, unanswered } from "./suggest";
export { readSuggestions, textHash, writeSuggestions, type Suggested } from "./suggestions";
export { readRow, Rows, type ExampleRow, type LinesChange, type ReadRow } from "./rows";
