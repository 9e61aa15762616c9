export { answerField, answerOf } from "./answer";
export {
  formatProblem,
  brokenCharacter,
  quoted,
  shownPath,
  type ExampleFix,
  type Fix,
  type Problem,
  type TaskFix,
} from "./problem";
export {
  cannotRead,
  filesIn,
  mostOffered,
  parseExampleSoon,
  readExamples,
  type LoadedExample,
  type ReadResult,
} from "./read";
export {
  defaultTestShare,
  foldExamples,
  holdOut,
  recordSplit,
  drawPart,
  drawSides,
  restoreSplit,
  splitExamples,
  type Split,
  type SplitOptions,
  type SplitRecord,
} from "./split";
export { countKnown } from "./duplicates";
export { loadTask, readTask, TaskError, type LoadedTask } from "./task";
export {
  checkTask,
  lengthFindings,
  type CheckOptions,
  type CheckResult,
  type ClassCount,
  type Finding,
} from "./check";
export { rewriteExamples, spliceFields, type FieldChanges, type JsonValue, type LineChange } from "./rewrite";
export { countExamples, type ExampleCounts } from "./count";
export { measureLengths } from "./lengths";
export { countTokensInThreads } from "./token-threads";
