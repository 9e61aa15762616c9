export { buildReport, chooseThresholds, decide } from "./build";
export type { ReportInput } from "./input";
export { expectedCalibrationError, reliability } from "./calibration";
export { chrfScore, chrfStatistics, exactMatch, rougeL } from "./overlap";
export { confusionMatrix, countClasses, isRight, type Judged, macroF1, microF1, scoreClass } from "./scores";
export { mcnemarExact, wilson } from "./statistics";
export { renderReport } from "./html/page";
export type { Report } from "../schema";
export { chooseThreshold, type Threshold } from "./thresholds";
