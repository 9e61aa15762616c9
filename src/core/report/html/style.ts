/**
 * The page's only stylesheet. Colours come from the editor's theme where the page is shown inside one, else from here,
 * light or dark as the reader's system says. An editor's charts.orange lets two thirds of what is behind it through, where a
 * theme does not say otherwise, and is blue in the light one of high contrast: what lies between red and yellow stands for it.
 */
export const STYLE = `
:root { color-scheme: light dark;
  --back: var(--vscode-editor-background, #ffffff); --ink: var(--vscode-editor-foreground, #1d2129);
  --soft: color-mix(in srgb, var(--ink) 78%, var(--back)); --faint: color-mix(in srgb, var(--ink) 14%, var(--back));
  --raised: color-mix(in srgb, var(--ink) 4%, var(--back)); --own: var(--vscode-charts-blue, #1b5fc1);
  --good: color-mix(in srgb, var(--green) 65%, var(--ink)); --bad: color-mix(in srgb, var(--red) 75%, var(--ink)); --warn: color-mix(in srgb, var(--yellow) 60%, var(--ink));
  --green: var(--vscode-charts-green, #1a7f4b); --red: var(--vscode-charts-red, #b3352b); --yellow: var(--vscode-charts-yellow, #96610a); --purple: var(--vscode-charts-purple, #7a3db8);
  --orange: color-mix(in srgb, var(--red), var(--yellow)); }
@media (prefers-color-scheme: dark) { :root {
  --back: var(--vscode-editor-background, #15181d); --ink: var(--vscode-editor-foreground, #e4e7eb);
  --own: var(--vscode-charts-blue, #79b0ff); --green: var(--vscode-charts-green, #63cf94);
  --red: var(--vscode-charts-red, #ff8f85); --yellow: var(--vscode-charts-yellow, #e5b567); --purple: var(--vscode-charts-purple, #c79bf2); } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--back); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.5rem 5rem; }
h1, h2, h3, p, dl, ul, ol, table, figure { margin: 0; }
h1 { font-size: 1rem; font-weight: 600; overflow-wrap: anywhere; }
header.plain h1 { font-size: 2rem; line-height: 1.2; font-weight: 650; letter-spacing: -0.02em; text-wrap: balance; }
header.plain ~ p { margin-top: 0.6rem; } .alone { margin-top: 2rem; } .alone .plot { max-width: 44rem; }
h2 { font-size: 1.35rem; line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; text-wrap: balance; }
h3 { font-size: 1rem; font-weight: 600; }
section { margin-top: 3.5rem; }
section > h2 + * { margin-top: 0.9rem; }
section > * + * { margin-top: 1.1rem; }
p, li { max-width: 44rem; } p.small { max-width: 52rem; }
.soft, figcaption, caption { color: var(--soft); }
.small { font-size: 0.875rem; }
a { color: var(--own); text-underline-offset: 0.15em; }
:focus-visible { outline: 2px solid var(--own); outline-offset: 2px; border-radius: 2px; }
header .facts { color: var(--soft); font-size: 0.875rem; margin-top: 0.15rem; overflow-wrap: anywhere; max-width: none; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.15rem 1.1rem; list-style: none; padding: 0; margin-top: 1rem; font-size: 0.875rem; }
.hero { margin-top: 2.25rem; display: grid; grid-template-columns: auto 1fr; gap: 0.4rem 2.5rem; align-items: end; }
.hero .figure { font-size: 4.5rem; line-height: 1; font-weight: 650; letter-spacing: -0.03em; font-variant-numeric: tabular-nums; }
.hero .range { font-size: 1.15rem; font-variant-numeric: tabular-nums; white-space: normal; }
.verdict { margin-top: 1.75rem; padding: 1rem 1.25rem; border-left: 4px solid var(--tone); background: var(--raised); border-radius: 0 6px 6px 0; }
.verdict strong { display: block; color: var(--tone); font-size: 0.9375rem; letter-spacing: 0.01em; }
.verdict p { font-size: 1.125rem; line-height: 1.45; max-width: none; margin-top: 0.15rem; }
.better { --tone: var(--good); } .worse { --tone: var(--bad); } .as-well, .mixed { --tone: var(--warn); } .cannot-tell { --tone: var(--soft); }
.scroll { overflow-x: auto; } table.fit { width: auto; min-width: 60%; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-size: 0.875rem; padding-bottom: 0.5rem; }
th, td { padding: 0.32rem 0.6rem; text-align: right; font-weight: 400; vertical-align: middle; white-space: nowrap; }
th:first-child, td:first-child { padding-left: 0; } th:last-child, td:last-child { padding-right: 0; }
thead > tr > * { color: var(--soft); font-size: 0.8125rem; vertical-align: bottom; border-bottom: 1px solid var(--faint); white-space: normal; }
tbody tr + tr > * { border-top: 1px solid color-mix(in srgb, var(--ink) 7%, var(--back)); }
th[scope="row"], .left { text-align: left; }
th[scope="row"] { white-space: normal; overflow-wrap: break-word; min-width: 9rem; max-width: 18rem; line-height: 1.3; }
figure th, figure td { padding-left: 0.4rem; padding-right: 0.4rem; } figure th[scope="row"] { min-width: 4.5rem; }
td.text { white-space: normal; text-align: left; min-width: 12rem; }
tr.own th { font-weight: 650; }
tr.few > * { color: var(--soft); }
.picture { width: 30%; min-width: 9rem; padding-top: 0; padding-bottom: 0; }
.range { color: var(--soft); white-space: nowrap; }
.sub { display: block; font-weight: 400; font-size: 0.8125rem; color: var(--soft); line-height: 1.25; }
svg { display: block; overflow: visible; }
svg text { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
svg text.axis { font-size: 12.5px; }
.scale text { font-size: 11px; }
.grid { stroke: var(--faint); stroke-width: 1; }
.strip .bar { stroke: var(--soft); stroke-width: 2; } .strip circle { fill: var(--back); stroke: var(--soft); stroke-width: 2; }
.strip.own .bar { stroke: var(--own); stroke-width: 2.5; } .strip.own .end { stroke-width: 1.5; } .strip.own circle { fill: var(--own); stroke: var(--own); }
.strip .zero { stroke: var(--soft); stroke-width: 1; }
.line.recall { stroke: var(--warn); stroke-dasharray: 6 3; } .cut { stroke: var(--ink); stroke-width: 1.5; }
.threshold h3 { font-weight: 600; }
th label { display: inline-flex; gap: 0.4rem; align-items: baseline; cursor: pointer; } .verdict + .verdict { margin-top: 0.6rem; }
.strip.few .bar { stroke-dasharray: 3 3; }
.share .back { fill: var(--faint); } .share rect { fill: var(--soft); } .share.own rect:not(.back) { fill: var(--own); }
.plot { width: 100%; max-width: 30rem; height: auto; } .plot.large { max-width: 46rem; }
.series { --tone: var(--own); } .series.c1 { --tone: var(--red); } .series.c2 { --tone: var(--green); } .series.c3 { --tone: var(--yellow); } .series.c4 { --tone: var(--soft); } .series.c5 { --tone: color-mix(in srgb, var(--own) 50%, var(--red)); }
.series circle { fill: var(--tone); } .series .line { stroke: var(--tone); } .series text { fill: color-mix(in srgb, var(--tone) 60%, var(--ink)); }
.series .spread { stroke: var(--tone); stroke-width: 1.5; opacity: 0.45; } .leader { stroke: var(--tone); opacity: 0.35; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.line.own { stroke: var(--own); } .line.pale { stroke: color-mix(in srgb, var(--soft) 55%, var(--back)); stroke-width: 1.25; }
.line.dashed { stroke: var(--soft); stroke-dasharray: 5 4; stroke-width: 1.5; }
circle.own, .histogram { fill: var(--own); } .whisker { stroke: var(--own); stroke-width: 1.5; } .count { fill: var(--faint); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); gap: 2rem 3rem; }
figure > * + * { margin-top: 0.5rem; } figcaption { font-size: 0.875rem; max-width: 30rem; }
details > summary { cursor: pointer; font-size: 0.875rem; color: var(--soft); width: fit-content; }
details[open] > summary { margin-bottom: 0.6rem; }
details > summary + * { margin-top: 0; }
.matrix { width: auto; border-collapse: separate; border-spacing: 2px; }
.matrix th, .matrix td { border: 0 !important; padding: 0.25rem 0.4rem; }
.matrix td { text-align: center; min-width: 2.6rem; padding: 0; border-radius: 3px; background: var(--shade, var(--raised)); height: 2.1rem; }
.matrix td.right { box-shadow: inset 0 0 0 1.5px var(--ink); }
.matrix td > :is(a, span, button) { display: block; padding: 0.3rem 0.4rem; color: inherit; text-decoration: none; }
.matrix td a:hover { text-decoration: underline; }
.matrix td.none { color: color-mix(in srgb, var(--ink) 30%, var(--back)); }
.matrix thead th { white-space: normal; overflow-wrap: break-word; text-align: center; max-width: 7rem; }
.matrix.many thead th.name { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; white-space: nowrap; max-width: none; max-height: 12rem; overflow: hidden; text-overflow: ellipsis; }
.matrix .total { background: none; color: var(--soft); }
SHADES
.field { width: 100%; max-width: 56rem; height: auto; } .field text { font-size: 7px; fill: var(--ink); } .field .edge { fill: none; stroke: var(--faint); }
.field rect.c { fill: var(--shade); } .field rect.right { stroke: var(--ink); stroke-width: 0.6; }
p + .errors { margin-top: 0.75rem; }
.errors { display: grid; gap: 0.75rem; padding: 0; list-style: none; }
.errors li { max-width: none; padding: 0.85rem 1.1rem 0.9rem; background: var(--raised); border-radius: 6px; break-inside: avoid; }
.errors .body { white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.5; max-width: 44rem; }
.errors dl { margin-top: 0.45rem; line-height: 1.4; } .errors summary { font-size: inherit; color: inherit; }
.labels { display: flex; flex-wrap: wrap; gap: 0.3rem 1.6rem; align-items: center; margin-top: 0.55rem; font-size: 0.875rem; }
.labels > span { display: inline-flex; gap: 0.45rem; align-items: center; } .labels .what { color: var(--soft); }
.labels .id { margin-left: auto; color: var(--soft); font-size: 0.8125rem; overflow-wrap: anywhere; }
:is(th, h3) > .mark { display: inline-block; min-width: 1em; margin-inline-end: 0.35em; text-align: center; }
.mark[data-color="blue"] { color: var(--own); } .mark[data-color="yellow"] { color: var(--yellow); } .mark[data-color="green"] { color: var(--green); }
.mark[data-color="purple"] { color: var(--purple); } .mark[data-color="red"] { color: var(--red); } .mark[data-color="orange"] { color: var(--orange); }
.mark { font-weight: 600; } .mark.bad { color: var(--bad); } .mark.good { color: var(--good); }
.tools { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; font-size: 0.875rem; }
.tools button { font: inherit; color: inherit; background: none; border: 1px solid var(--soft); border-radius: 4px; padding: 0.1rem 0.6rem; cursor: pointer; }
[hidden] { display: none !important; }
.next { padding-left: 1.2rem; font-size: 1.0625rem; } .next li + li { margin-top: 0.45rem; }
.notes { padding-left: 1.1rem; font-size: 0.875rem; color: var(--soft); } .notes li + li { margin-top: 0.3rem; }
dl { display: grid; grid-template-columns: fit-content(50%) 1fr; gap: 0.25rem 1.5rem; font-size: 0.9375rem; } dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
pre, code { font: 0.875rem/1.5 ui-monospace, "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace; }
pre { margin: 0; padding: 0.75rem 1rem; background: var(--raised); border-radius: 6px; overflow-x: auto; }
@media (max-width: 40rem) {
  main { padding: 1.5rem 1rem 3rem; } section { margin-top: 2.75rem; }
  .hero { grid-template-columns: 1fr; } .hero .figure { font-size: 3.5rem; }
  th, td { padding-left: 0.35rem; padding-right: 0.35rem; } .wide, .scale .mid, th .sub bdi { display: none; }
  .matrix thead th.name { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; white-space: nowrap; max-width: none; max-height: 12rem; overflow: hidden; text-overflow: ellipsis; }
  .matrix td { min-width: 1.7rem; } .matrix td > :is(a, span, button) { padding-left: 0.1rem; padding-right: 0.1rem; }
  .matrix th, .matrix .total { padding-left: 0.1rem; padding-right: 0.1rem; } .matrix th[scope="row"] { overflow-wrap: anywhere; }
  .picture { min-width: 4.5rem; } th[scope="row"] { min-width: 4.5rem; } .field { min-width: 44rem; } .labels .id { margin-left: 0; } .labels > span { flex-wrap: wrap; }
  td { white-space: normal; } td.text { min-width: 5rem; } td .range:not(.wide) { display: block; } dl { grid-template-columns: fit-content(38%) 1fr; column-gap: 1rem; }
}
@media (max-width: 26rem) { table { font-size: 0.875rem; } thead > tr > * { font-size: 0.75rem; } th, td { padding-left: 0.2rem; padding-right: 0.2rem; } .picture { min-width: 3.5rem; }
  .scale.difference text { display: none; } .scale.difference .mid { display: inline; } }
@media (max-width: 22rem) { .picture { display: none; } }
@media (prefers-contrast: more) { .matrix tbody td, .errors li, .verdict { outline: 1px solid var(--ink); } }
.vscode-high-contrast .matrix tbody td, .vscode-high-contrast .errors li, .vscode-high-contrast .verdict { outline: 1px solid var(--ink); }
@media (forced-colors: active) { .matrix tbody td { border: 1px solid CanvasText !important; } .strip circle { fill: CanvasText; } }
@media print {
  :root { --back: #ffffff; --ink: #000000; --own: #0a4aa3; --green: #0b5c33; --red: #8d1f17; --orange: #8a4300; --yellow: #665a00; --purple: #5b2a90; } body { font-size: 10.5pt; } main { max-width: none; padding: 0; }
  nav, .tools { display: none; } section { margin-top: 2rem; } h2 { break-after: avoid; } figure, .verdict, tr { break-inside: avoid; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; } .scroll { overflow: visible; }
  table { font-size: 9pt; } th, td { padding-left: 0.3rem; padding-right: 0.3rem; } .picture { min-width: 4.5rem; }
}
`.replace(
  "SHADES",
  // In the table counts stand on the shade and must stay readable (4.5 to 1 in dark themes too), so that it ends before half-way.
  Array.from({ length: 10 }, (_, index) => index + 1)
    .flatMap((step) => [`.s${step} { ${shade(4 * step)} }`, `.field .s${step} { ${shade(10 * step)} }`])
    .join("\n"),
);

function shade(share: number): string {
  return `--shade: color-mix(in srgb, var(--own) ${share}%, var(--back));`;
}

/** Steps of shade from 0 (none) to 10 (the whole row). */
export const shadeStep = (share: number): number =>
  share <= 0 ? 0 : Math.max(1, Math.round(10 * Math.min(1, share)));
