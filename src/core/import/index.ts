export { countLabels, joinSpellings, type AnswerChoices, type LabelCount } from "./answers";
export type { Column } from "./columns";
export { guessForm, type TaskChoices } from "./guess";
export { inspect, type Inspection } from "./inspect";
export { read } from "./read";
export type { ModelsHere } from "./thread-protocol";
export {
  encodings,
  formats,
  type Cell,
  type Encoding,
  type Format,
  type ImportPhase,
  type ImportProgress,
  type ReadChoices,
  type ReadHooks,
  type ReadItem,
  type Row,
  type Tool,
} from "./types";
export {
  prepareTask,
  surveyTask,
  writePrepared,
  writeTask,
  type NewTask,
  type PreparedTask,
  type Survey,
} from "./write";
