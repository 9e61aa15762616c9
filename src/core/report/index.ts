export { buildReport, chooseThresholds } from "./build";
export { compareReports, renderComparisonText, type RunComparison } from "./compare-runs";
export { renderReport } from "./html/page";
export type { ReportInput } from "./input";
export { chrfScore, chrfStatistics, exactMatch, rougeL } from "./overlap";
export { countClasses, type Judged, macroF1 } from "./scores";
export { renderReportText } from "./text";
export { chooseThreshold, decide, type Threshold } from "./thresholds";
export type { Report } from "../schema";
