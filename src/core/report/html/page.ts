import type { Report } from "../../schema";

/** The report as one self-contained page. */
export function renderReport(report: Report, _options: { texts?: ReadonlyMap<string, string> } = {}): string {
  return `<!doctype html><title>${report.run.id}</title>`;
}
