import { readFileSync } from "node:fs";
import type { FrameLocator, Page } from "playwright-core";

const source = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Rules of accessibility that a page breaks, as far as a program can check them: each with the elements and what to do. */
export async function violations(page: Page | FrameLocator): Promise<string[]> {
  return page.locator("html").evaluate(
    `${source}; axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) =>
      violations.map(({ id, nodes }) => id + ": " + nodes.slice(0, 5).map(({ html, failureSummary }) =>
        html.slice(0, 160) + failureSummary).join("; ")))`,
  );
}
