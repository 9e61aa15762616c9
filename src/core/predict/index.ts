export { predictFile, type PredictedFile } from "./file";
export { headOf, predictedCells, type AnswersWith, type PredictedRow } from "./rows";
