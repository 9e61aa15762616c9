import assert from "node:assert/strict";
import { runInNewContext } from "node:vm";
import { createHash } from "node:crypto";
import {
  buildReport,
  renderReport,
  renderReportText,
  compareReports,
  withColors,
  renderComparisonText,
} from "../../../src/core/report";
import { STYLE } from "../../../src/core/report/html/style";
import { decimals, duration, pValue, signed } from "../../../src/core/report/format";
import { LabelColor, type Report } from "../../../src/core/schema";
import { assertBalanced } from "./balanced";
import { generationSample, sample } from "./samples";

const single = buildReport(sample("single", { labels: 3, train: 40, test: 60, skill: 0.6 }));
const many = buildReport(sample("single", { labels: 30, train: 90, test: 90, skill: 0.6 }));
const multi = buildReport(sample("multi", { labels: 3, train: 60, test: 40, skill: 0.6 }));
const generation = buildReport(generationSample(60, 3));
const reports: [string, Report][] = [
  ["single", single],
  ["many classes", many],
  ["multi", multi],
  ["generation", generation],
];

describe("figures", () => {
  it("have two decimals, a true minus, and a dash where not defined", () => {
    assert.equal(decimals(0.8349), "0.83");
    assert.equal(decimals(null), "–");
    assert.equal(signed(-0.071), "−0.07");
    assert.equal(signed(0.071), "+0.07");
    assert.equal(signed(-0.001), "0.00");
    assert.equal(pValue(0.0004), "p < 0.01");
    assert.equal(duration(59.6), "1 min 00 s");
    assert.equal(duration(3720), "1 h 02 min");
  });
});

describe("report page", () => {
  it("shows micro F1 where it is more than the accuracy said again: where a text may have several labels", () => {
    const shown = (report: Report) => renderReport(report).includes("micro F1 0");
    assert.deepEqual([single, many, multi].map(shown), [false, false, true]);
  });

  it("says beside an interval off zero that is no lead why it is none: the test is small, and the exact test does not agree", () => {
    const said = /a lead counts only where the exact test agrees/u;
    const small = [1, 2, 3, 4, 5, 6].map((skill) =>
      buildReport(sample("single", { labels: 3, train: 40, test: 20, skill: skill / 6 })),
    );
    const odd = small.filter(({ rivals }) =>
      rivals.some(
        ({ difference, outcome }) =>
          outcome === "cannot-tell" && (difference.low! > 0 || difference.high! < 0),
      ),
    );
    assert.ok(odd.length > 0);
    for (const report of odd) assert.match(renderReport(report), said);
    assert.doesNotMatch(renderReport(single), said);
  });

  for (const [name, report] of reports) {
    const page = renderReport(report);

    it(`${name}: loads nothing and runs nothing but its own style and script`, () => {
      const policy = /http-equiv="Content-Security-Policy"\s+content="([^"]*)"/u
        .exec(page)![1]!
        .replaceAll("&#39;", "'");
      const hashOf = (element: string) => {
        const [, source] = new RegExp(`<${element}>(.*?)</${element}>`, "su").exec(page)!;
        return `'sha256-${createHash("sha256").update(source!).digest("base64")}'`;
      };
      assert.ok(policy.startsWith("default-src 'none';"));
      assert.ok(policy.includes(`style-src ${hashOf("style")};`));
      assert.ok(policy.includes(`script-src ${hashOf("script")};`));
      assert.equal(page.match(/<(script|style|link|img|iframe|object)\b/gu)!.length, 2);
      assert.doesNotMatch(page, /https?:|\sstyle="|\son[a-z]+="|url\(/u);
    });

    it(`${name}: is well formed, with unique ids and links that lead somewhere`, () => {
      assertBalanced(page);
      const ids = Array.from(page.matchAll(/\sid="([^"]*)"/gu), ([, id]) => id!);
      assert.deepEqual(ids, [...new Set(ids)]);
      for (const [, target] of page.matchAll(/href="#([^"]*)"/gu)) assert.ok(ids.includes(target!), target);
      assert.doesNotMatch(page, /NaN|undefined|Infinity|\[object/u);
    });

    it(`${name}: tables have heads that say what they are for`, () => {
      for (const [table] of page.matchAll(/<table.*?<\/table>/gsu)) {
        assert.match(table, /<th\s+scope="col"/u);
        assert.match(table, /<th\s+scope="row"/u);
        assert.doesNotMatch(table, /<th(?:>|\s(?![^>]*scope=))/u);
      }
    });
  }

  it("shows hostile texts, labels and names as text", () => {
    const evil = `<script>alert(1)</script>"'&<img src=x onerror=alert(1)>\u0000\u0007`;
    const input = sample("single", { labels: 3, train: 40, test: 60, skill: 0.2 });
    input.task.name = evil;
    input.task.labels = input.task.labels!.map(({ name }) => ({ name: evil + name }));
    for (const example of [...input.train, ...input.test]) example.label = evil + example.label!;
    const report = buildReport(input);
    const page = renderReport(report, { texts: new Map(input.test.map(({ id }) => [id, evil])) });
    assert.equal(page.match(/<script>/gu)!.length, 1);
    for (const piece of ["<img", "\u0000", "\u0007"]) assert.ok(!page.includes(piece));
    assert.ok(page.includes("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;&lt;img"));
    assertBalanced(page);
  });

  it("shows each class with its sign, in the colour that was chosen for it", () => {
    const signs = (report: Report, section: string) => {
      const found = new RegExp(`<section\\s+id="${section}".*?</section>`, "su").exec(
        renderReport(report),
      )![0];
      return new Map(
        Array.from(
          found.matchAll(/data-color="(\w+)"\s+aria-hidden="true"\s*>(.)<\/span\s*><bdi>([^<]*)<\/bdi/gu),
          ([, color, shape, label]) => [label, `${color} ${shape}`],
        ),
      );
    };
    assert.equal("colors" in single.task, false);
    assert.deepEqual([...signs(single, "classes")].sort(), [
      ["label 0", "blue ●"],
      ["label 1", "yellow ■"],
      ["label 2", "green ▲"],
    ]);
    assert.equal(signs(many, "classes").size, 30);
    const input = sample("single", { labels: 3, train: 40, test: 60, skill: 0.6 });
    input.task.labels![1]!.color = "orange";
    const colored = buildReport(input);
    assert.deepEqual(colored.task.colors, [null, "orange", null]);
    assert.equal(signs(colored, "classes").get("label 1"), "orange ■");
    // Colours that were chosen, or taken away, after the run.
    const labels = input.task.labels!.map(({ name }) => ({ name }));
    assert.deepEqual(withColors(colored, labels), single);
    assert.deepEqual(withColors(single, input.task.labels!), colored);
    assert.deepEqual(withColors(colored, []), single);
    for (const color of LabelColor.options)
      assert.ok(renderReport(colored).includes(`.mark[data-color="${color}"] {`), color);
  });

  it("tells the time in UTC, and with its script in the page's language, as in the reader's country", () => {
    const page = renderReport(buildReport(sample("single", { labels: 2, train: 20, test: 20, skill: 1 })));
    assert.match(page, /<time datetime="2026-01-02T03:04:05Z">2026-01-02 03:04 UTC<\/time\s*>/u);
    const script = /<script>([^]*)<\/script>/u.exec(page)![1]!;
    const time = { dateTime: "2026-01-02T03:04:05Z", textContent: "" };
    const told = (lang: string, languages: readonly string[]) => {
      const document = {
        documentElement: { lang },
        querySelectorAll: (selector: string) => (selector === "time" ? [time] : []),
        querySelector: () => null,
      };
      runInNewContext(script, { document, navigator: { languages } });
      return time.textContent;
    };
    const as = (tag: string) =>
      new Date(time.dateTime).toLocaleString(tag, { dateStyle: "medium", timeStyle: "short" });
    assert.equal(told("en", ["de-DE", "en-GB", "en"]), as("en-GB"));
    assert.equal(told("ru", ["en-US", "en"]), as("ru"));
    assert.equal(told("ru", ["ru-RU"]), as("ru-RU"));
    assert.notEqual(as("ru"), as("en-GB"));
  });

  it("shows texts whole, white space and direction kept, and folds none away for good", () => {
    const wrong = single.rows.filter(({ right }) => !right);
    const long = `начало ${"x".repeat(5000)} конец`;
    const texts = new Map(wrong.map(({ id }, index) => [id, index === 0 ? long : ` ${id}: две\n  строки`]));
    const page = renderReport(single, { texts });
    for (const text of texts.values()) assert.ok(page.includes(`dir="auto">${text}</div>`));
    assert.equal(page.match(/<li\s+data-pairs=/gu)!.length, wrong.length);
  });

  it("says the id where a text is not at hand", () => {
    assert.match(renderReport(single), /The text of test-\d+ is not at hand/u);
  });

  it("says in how many resamples the figure of some class was not defined", () => {
    const seen = (report: Report) =>
      /Resamples without some class<\/dt>\s*<dd>([^<]*)/u.exec(renderReport(report))?.[1];
    const { undefinedResamples } = many.classification!.macroF1;
    assert.ok(undefinedResamples > 0 && undefinedResamples < 2000);
    assert.equal(seen(many), `${undefinedResamples.toLocaleString("en")} of 2,000, its F1 left out there`);
    assert.equal(seen(single), "0 of 2,000");
    assert.equal(seen(generation), undefined);
  });

  it("is printed in colours that can be read on paper, whatever the screen's are", () => {
    const colors = (block: string) =>
      new Map(
        [...block.matchAll(/(--[a-z]+): (?:var\(--[a-z-]+, )?(#[\da-f]+)/gu)].map(([, name, color]) => [
          name!,
          color!,
        ]),
      );
    const screen = colors(/^@media \(prefers-color-scheme: dark\) .*?\} \}$/msu.exec(STYLE)![0]);
    const paper = colors(/^@media print .*?\}/msu.exec(STYLE)![0]);
    const luminance = (color: string) => {
      const [r, g, b] = [1, 3, 5].map((at) => {
        const value = Number.parseInt(color.slice(at, at + 2), 16) / 255;
        return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    };
    assert.ok(screen.size >= 7);
    for (const name of screen.keys()) {
      const color = paper.get(name);
      assert.ok(color !== undefined, `${name} is the dark screen's on paper`);
      if (name !== "--back") assert.ok(1.05 / (luminance(color) + 0.05) >= 4.5, `${name}: ${color} on white`);
    }
  });

  it("leads from every cell of the confusion matrix that is not empty to its texts, as a table and as a picture", () => {
    for (const report of [single, many]) {
      const page = renderReport(report);
      const shown = /<(?:table|svg)[^>]*class="(?:matrix|field)[^]*?<\/(?:table|svg)>/u.exec(page)![0];
      const cells = [...shown.matchAll(/data-(?:cell="pair |pair=")(\d+)[ -](\d+)"/gu)].map(([, ...pair]) =>
        pair.join(" "),
      );
      const filled = report.classification!.confusion!.flatMap((row, truth) =>
        row.flatMap((count, given) => (count > 0 ? [`${truth} ${given}`] : [])),
      );
      assert.ok(filled.some((pair) => pair === "0 0"));
      assert.deepEqual(cells.sort(), filled.sort());
      assert.match(page, /<span data-hint="cells">Click a cell outside the frames to read its texts\./u);
    }
  });

  it("lists every class once, worst first", () => {
    const page = renderReport(many);
    const section = /<section\s+id="classes".*?<\/section>/su.exec(page)![0];
    const shown = Array.from(section.matchAll(/<bdi>(label \d+)<\/bdi/gu), ([, label]) => label!);
    assert.equal(new Set(shown).size, 30);
    assert.equal(shown.length, 30);
    const f1 = new Map(many.classification!.classes.map((entry) => [entry.label, entry.f1.value ?? 2]));
    for (const [index, label] of shown.slice(1).entries())
      assert.ok(f1.get(shown[index]!)! <= f1.get(label)!);
  });

  it("stands without rivals, errors, history or any test text of a class", () => {
    const bare = sample("single", { labels: 2, train: 4, test: 3, skill: 1 });
    bare.untuned = null;
    bare.run = { ...bare.run, history: [] };
    for (const example of bare.test) example.label = "label 0";
    bare.predictions = bare.test.map(({ id }) => ({ id, part: "test", scores: [1, 0] }));
    const report = buildReport(bare);
    assertBalanced(renderReport({ ...report, rivals: [] }));
    assert.match(renderReport(report), /every test text got exactly the right answer/u);
  });
});

describe("report in a terminal", () => {
  for (const [name, report] of reports) {
    for (const width of [40, 60, 80, 120]) {
      it(`${name}: fits ${width} columns`, () => {
        for (const line of renderReportText(report, width).split("\n")) {
          assert.ok(line.length <= width, `${line.length} columns: ${line}`);
        }
      });
    }
  }

  it("says figures, verdict and next steps", () => {
    const text = renderReportText(single, 80);
    const { macroF1, classes } = single.classification!;
    assert.ok(
      text.includes(
        `Macro F1 ${decimals(macroF1.value)} [${decimals(macroF1.low)}, ${decimals(macroF1.high)}]`,
      ),
    );
    assert.ok(text.replace(/\s+/gu, " ").includes(single.verdict.sentence.replace(/\s+/gu, " ")));
    for (const { label } of classes) assert.ok(text.includes(label));
    for (const step of single.next)
      assert.ok(text.replace(/\s+/gu, " ").includes(step.replace(/\s+/gu, " ")));
  });

  it("compares two runs in words", () => {
    assert.match(
      renderComparisonText(compareReports(single, single)),
      /^Cannot tell the two apart: macro F1 0\.00/u,
    );
  });
});
