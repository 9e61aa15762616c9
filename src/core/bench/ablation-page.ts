import { percent } from "../../percent";
import { decimals, duration, interval, signed } from "../report/format";
import {
  bareDocument,
  differenceScale,
  differenceStrip,
  markup,
  type Markup,
} from "../report/html/plain-page";
import { shadeStep } from "../report/html/style";
import type { Ablation, PartResult, Standing } from "./ablation";
import type { Movement } from "./movement";
import { tableMarkup } from "./page";
import { alignedText, whole, type TextTable } from "./render";

const NOTES = [
  "Each part is tuned by itself, with the same steps, rates, seeds and texts. Where no vectors are tuned, the instruction stands in their place in words.",
  "Differences are a part minus the whole. Their intervals are 95 % percentile intervals of 2,000 resamples of test texts and seeds, the same for both sides; with one seed they say nothing about other seeds.",
  "Biases start at zero. Typical: root of the mean square over the runs of the whole. A share of the movement is one of the sum of squares: above the share of the numbers, training has pushed a group more than others. AdamW moves all numbers by about as much at each step, so that groups differ little in a short run. How far something moved does not say what it brings; the first table does.",
];

const STANDING: Readonly<Record<Standing, string>> = {
  better: "more",
  worse: "less",
  "as-well": "as much",
  "cannot-tell": "cannot tell",
};
const GROUPS: Readonly<Record<string, string>> = { attention: "attention, all", mlp: "MLP, all" };

const small = (value: number | null) => (value === null ? "" : value.toPrecision(2));

function partsTable({ parts, measure, untuned }: Ablation): TextTable {
  const several = new Set(parts.flatMap(({ times }) => times.map(({ device }) => device))).size > 1;
  return {
    title: "What each part brings",
    head: ["part", measure, "over untuned", "minus the whole", "", "trained parameters", "time of a run"],
    rows: [
      ...parts.map(({ part, quality, gain, difference, trainedParameters, times }) => [
        part,
        `${decimals(quality.value)} ${interval(quality)}`.trimEnd(),
        signed(gain),
        difference === null ? "" : `${signed(difference.value)} ${interval(difference)}`.trimEnd(),
        difference === null ? "" : STANDING[difference.standing],
        whole(trainedParameters),
        times
          .map(({ device, seconds }) => `${duration(seconds)}${several ? ` on ${device}` : ""}`)
          .join("; "),
      ]),
      ["base model untuned", `${decimals(untuned.value)} ${interval(untuned)}`.trimEnd(), "", "", "", "", ""],
    ],
  };
}

const movementTable = ({ groups }: Movement): TextTable => ({
  title: "How far the biases moved",
  head: ["group", "biases", "typical", "largest", "share of the biases", "share of the movement"],
  rows: groups.map(({ group, numbers, typical, largest, shareOfNumbers, shareOfMovement }) => [
    GROUPS[group] ?? group,
    whole(numbers),
    small(typical),
    small(largest),
    percent(shareOfNumbers),
    percent(shareOfMovement),
  ]),
});

const failedTable = ({ failed }: Ablation): TextTable => ({
  title: "Failed runs",
  head: ["run", "reason"],
  rows: failed.map(({ cell, reason }) => [cell, reason]),
});

const basis = ({ train, test, seeds }: Ablation) =>
  `${whole(train)} texts to learn from, ${whole(test)} to test on; ${seeds.length === 1 ? "seed" : "seeds"} ${seeds.join(", ")}.`;

/** The ablation as lines for a terminal. */
export function renderAblationText(ablation: Ablation): string {
  const { movement } = ablation;
  const tables = [
    partsTable(ablation),
    ...(movement === null ? [] : [movementTable(movement)]),
    failedTable(ablation),
  ].filter(({ rows }) => rows.length > 0);
  return `${[ablation.sentence, basis(ablation), ...tables.map(alignedText), NOTES.join("\n")].join("\n\n")}\n`;
}

/** The ablation as one page that needs nothing else. */
export function renderAblationPage(ablation: Ablation): string {
  const { movement, gains, sentence, failed } = ablation;
  return bareDocument(`What carries the gain of ${ablation.task}`, [
    markup`<p class="soft small">${basis(ablation)}</p>
      <div class="verdict ${gains ? "better" : "cannot-tell"}"><p>${sentence}</p></div>`,
    partsSection(ablation),
    ...(movement === null ? [] : [tableMarkup(movementTable(movement)), layersSection(movement)]),
    ...(failed.length === 0 ? [] : [tableMarkup(failedTable(ablation))]),
    markup`<section>
      <h2>How to read this</h2>
      <ul class="notes">
        ${NOTES.map((note) => markup`<li>${note}</li>`)}
      </ul>
    </section>`,
  ]);
}

function partsSection(ablation: Ablation): Markup {
  const { title, head, rows } = partsTable(ablation);
  const ends = ablation.parts.flatMap(({ difference }) => [difference?.low ?? 0, difference?.high ?? 0]);
  const reach = Math.max(0.05, Math.ceil(20 * Math.max(...ends.map(Math.abs))) / 20);
  const strip = (part: PartResult | undefined) =>
    part?.difference === undefined || part.difference === null ? "" : differenceStrip(part.difference, reach);
  const scale = differenceScale(reach, { signed });
  return markup`<section>
    <h2>${title}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table>
        <thead>
          <tr>
            ${head.map((text, i) => (i === 4 ? markup`<td class="picture">${scale}</td>` : markup`<th scope="col" class="${i === 0 && "left"}">${text}</th>`))}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ([part, quality, gain, difference, standing, ...costs], i) =>
              markup`<tr>
                <th scope="row">${part!}</th>
                <td>${quality!}</td>
                <td>${gain!}</td>
                <td>${difference!}<span class="sub">${standing!}</span></td>
                <td class="picture">${strip(ablation.parts[i])}</td>
                ${costs.map((text) => markup`<td>${text}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}

/** Typical movement by layers and maps, the furthest darkest. */
function layersSection({ layers }: Movement): Markup {
  const maps = Object.keys(layers[0]!.typical) as (keyof (typeof layers)[0]["typical"])[];
  const most = Math.max(...layers.flatMap(({ typical }) => maps.map((map) => typical[map] ?? 0)));
  const cell = (value: number | null) =>
    markup`<td class="${value !== null && value > 0 && `s${shadeStep(value / most)}`}"><span>${small(value)}</span></td>`;
  const title = "Where they moved";
  return markup`<section>
    <h2>${title}</h2>
    <div class="scroll" tabindex="0" role="region" aria-label="${title}">
      <table class="matrix">
        <caption>
          Typical movement. Rows: layers, from the text to the answer. Columns: linear maps. Shade: share of the furthest.
        </caption>
        <thead>
          <tr>
            <td class="total"></td>
            ${maps.map((map) => markup`<th scope="col">${map}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${layers.map(
            ({ first, last, typical }) =>
              markup`<tr>
                <th scope="row">${first === last ? String(first) : `${first}–${last}`}</th>
                ${maps.map((map) => cell(typical[map]))}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
}
