import { flatten } from "./records";
import type { Cell, Fault, Tool } from "./types";
import { say } from "../say";

type Fields = Readonly<Record<string, unknown>>;

export interface Converted {
  cells: Map<string, Cell>;
  faults: Omit<Fault, "line">[];
}

/** Which program exported records of this shape; null where none did. */
export function recogniseTool(records: readonly Fields[]): Tool | null {
  if (records.length === 0) return null;
  const most = (test: (record: Fields) => boolean) => records.filter(test).length > 0.8 * records.length;
  if (most((one) => "_input_hash" in one && "_task_hash" in one)) return "prodigy";
  if (most((one) => isFields(one.data) && (Array.isArray(one.annotations) || Array.isArray(one.completions))))
    return "label-studio";
  if (most((one) => "annotation_id" in one && "lead_time" in one)) return "label-studio";
  if (most((one) => isFields(one.fields) && (isFields(one.responses) || isFields(one.suggestions))))
    return "argilla";
  if (most((one) => isFields(one.inputs) && "prediction" in one && "annotation" in one)) return "argilla";
  if (
    most((one) =>
      Object.entries(one).some(([name, value]) => name.endsWith("-suggestion") || isAnswers(value)),
    )
  )
    return "argilla";
  if (most((one) => Object.keys(one).some((name) => name.endsWith(".responses")))) return "argilla";
  const doccano = (one: Fields) =>
    "id" in one &&
    ("text" in one || "data" in one) &&
    (Array.isArray(one.label) || Array.isArray(one.labels) || Array.isArray(one.cats));
  if (
    most(doccano) &&
    records.some((one) => "Comments" in one || "annotation_approver" in one || isSpans(one.label))
  )
    return "doccano";
  return null;
}

/** A record of a program's export as plain columns: its texts, what people answered, and the rest as it stands. */
export function convertRecord(tool: Tool, record: Fields): Converted {
  switch (tool) {
    case "prodigy":
      return fromProdigy(record);
    case "label-studio":
      return fromLabelStudio(record);
    case "doccano":
      return fromDoccano(record);
    case "argilla":
      return fromArgilla(record);
  }
}

/**
 * Prodigy: a choice lists the ids of the options taken in `accept`; a question by itself has a `label` that was accepted
 * or rejected. What was ignored has no answer.
 */
function fromProdigy(record: Fields): Converted {
  const { label, accept, options, spans, tokens: _, ...rest } = record;
  const cells = flatten(rest);
  const faults: Converted["faults"] = [];
  const taken = record.answer === "accept" || record.answer === undefined;
  if (Array.isArray(accept)) {
    const names = new Map(
      (Array.isArray(options) ? options : [])
        .filter(isFields)
        .map((option) => [option.id, option.text ?? option.id]),
    );
    const chosen = accept.map((id) => scalar(names.get(id) ?? id)).filter((name) => name !== null);
    cells.set("label", taken ? chosen : null);
  } else if (typeof label === "string") {
    cells.set("label", record.answer === "reject" ? `not ${label}` : taken ? label : null);
  }
  if (!taken && record.answer !== "reject") faults.push(noAnswer(say`it was ignored`));
  if (!taken && record.answer === "reject" && Array.isArray(accept))
    faults.push(noAnswer(say`the choice was rejected`));
  if (Array.isArray(spans) && spans.length > 0) faults.push(unusedSpans());
  return { cells, faults };
}

/** Label Studio: the answers of each question stand in `annotations[].result[]`, several people may have given one. */
function fromLabelStudio(record: Fields): Converted {
  const given = record.annotations ?? record.completions;
  const faults: Converted["faults"] = [];
  if (!Array.isArray(given)) {
    const cells = new Map<string, Cell>();
    // The short form (JSON-MIN): several answers to a question stand in an object.
    for (const [name, value] of Object.entries(record)) {
      if (isFields(value) && Array.isArray(value.choices)) cells.set(name, value.choices.map(String));
      else for (const [inner, cell] of flatten({ [name]: value })) cells.set(inner, cell);
    }
    return { cells, faults };
  }
  const cells = isFields(record.data) ? flatten(record.data) : new Map<string, Cell>();
  if (!cells.has("id")) cells.set("id", scalar(record.id));
  const answers = new Map<string, string[][]>();
  for (const annotation of given.filter(isFields)) {
    if (annotation.was_cancelled === true || !Array.isArray(annotation.result)) continue;
    const own = new Map<string, string[]>();
    for (const result of annotation.result.filter(isFields)) {
      const question = typeof result.from_name === "string" ? result.from_name : "label";
      const value = isFields(result.value) ? result.value : {};
      if ("start" in value) {
        if (!faults.some(({ code }) => code === "spans")) faults.push(unusedSpans());
        continue;
      }
      const found = value.choices ?? value.text ?? value.rating ?? value.number ?? taxonomy(value.taxonomy);
      const list = (Array.isArray(found) ? found : [found]).map(scalar).filter((item) => item !== null);
      own.set(question, [...(own.get(question) ?? []), ...list]);
    }
    for (const [question, list] of own) answers.set(question, [...(answers.get(question) ?? []), list]);
  }
  const people = given.filter(isFields);
  if (people.length > 0 && people.every((annotation) => annotation.was_cancelled === true))
    faults.push(noAnswer(say`it was skipped`));
  for (const [question, lists] of answers) {
    const name = cells.has(question) ? `${question} (answer)` : question;
    cells.set(name, agreed(question, lists, faults));
  }
  return { cells, faults };
}

/** doccano: `label` (or `labels`, `cats`) lists the labels of a text, or its spans, which are no answers to it. */
function fromDoccano(record: Fields): Converted {
  const { label, labels, cats, Comments, comments, ...rest } = record;
  const cells = flatten(rest);
  const faults: Converted["faults"] = [];
  const given = label ?? labels ?? cats;
  if (isSpans(given)) faults.push(unusedSpans());
  else if (Array.isArray(given))
    cells.set(
      "label",
      given.map(scalar).filter((item) => item !== null),
    );
  const note = Comments ?? comments;
  if (Array.isArray(note) && note.length > 0)
    cells.set("note", note.map((one) => scalar(one) ?? "").join("\n"));
  return { cells, faults };
}

/**
 * Argilla: of version 2 `fields`, `responses` and `suggestions`; the same with a field for each question, as lists of
 * `{ value, status }` or as columns `question.responses`; of version 1 `inputs`, `annotation` and `prediction`.
 * A suggestion is no answer.
 */
function fromArgilla(record: Fields): Converted {
  const faults: Converted["faults"] = [];
  if ("annotation" in record) {
    const { annotation, prediction: _, inputs, status, explanation: __, ...rest } = record;
    const cells = flatten({ ...(isFields(inputs) ? inputs : {}), ...withoutNull(rest) });
    const discarded = status === "Discarded";
    if (discarded) faults.push(noAnswer(say`it was discarded`));
    const list = Array.isArray(annotation)
      ? annotation.map(scalar).filter((item) => item !== null)
      : scalar(annotation);
    cells.set("label", discarded ? null : list);
    return { cells, faults };
  }
  const cells = new Map<string, Cell>();
  const answers = new Map<string, unknown>();
  if (isFields(record.fields)) {
    const { fields, responses, suggestions: _, vectors: __, ...rest } = record;
    for (const part of [fields, rest])
      for (const [name, cell] of flatten(part)) if (!cells.has(name)) cells.set(name, cell);
    if (isFields(responses))
      for (const [question, given] of Object.entries(responses)) answers.set(question, given);
  } else {
    for (const [name, value] of Object.entries(record)) {
      const question = /^(.+)\.responses$/.exec(name)?.[1];
      if (/-suggestion(-metadata)?$|\.suggestion(\.\w+)?$|\.responses\.\w+$/.test(name)) continue;
      if (question !== undefined) {
        const statuses = record[`${name}.status`];
        const values = Array.isArray(value) ? value : [];
        answers.set(
          question,
          values.map((one, at) => ({
            value: one as unknown,
            status: Array.isArray(statuses) ? (statuses[at] as unknown) : "submitted",
          })),
        );
      } else if (isAnswers(value) || (Array.isArray(value) && `${name}-suggestion` in record))
        answers.set(name, value);
      else for (const [inner, cell] of flatten({ [name]: value })) cells.set(inner, cell);
    }
  }
  for (const [question, given] of answers) {
    const lists = (Array.isArray(given) ? given : [])
      .filter(isFields)
      .filter(({ status }) => status === undefined || status === null || status === "submitted")
      .map(({ value }) =>
        (Array.isArray(value) ? value : [value]).map(scalar).filter((item) => item !== null),
      );
    if (lists.length === 0 && Array.isArray(given) && given.length > 0)
      faults.push(noAnswer(say`no answer to "${question}" was submitted`));
    const name = cells.has(question) ? `${question} (answer)` : question;
    cells.set(name, agreed(question, lists, faults));
  }
  return { cells, faults };
}

/** What all people answered; nothing, with a fault, where they did not agree. A single answer is given as itself. */
function agreed(question: string, lists: readonly string[][], faults: Converted["faults"]): Cell {
  const first = lists[0];
  if (first === undefined) return null;
  const key = (list: readonly string[]) => JSON.stringify([...list].sort());
  if (lists.some((list) => key(list) !== key(first))) {
    const said = [...new Set(lists.map((list) => list.join(" + ") || say`nothing`))].slice(0, 4).join(" / ");
    faults.push({
      severity: "warning",
      code: "no-agreement",
      message: say`${lists.length} people answered "${question}" differently (${said}); the text is left without an answer.`,
    });
    return null;
  }
  return first.length === 1 ? first[0]! : first;
}

const unusedSpans = (): Converted["faults"][number] => ({
  severity: "warning",
  code: "spans",
  message: say`marked passages are not used: an answer here is about the whole text.`,
});

const noAnswer = (why: string): Converted["faults"][number] => ({
  severity: "info",
  code: "no-answer",
  message: say`${why}; the text is left without an answer.`,
});

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** `[0, 5, "name"]`. */
const isSpans = (value: unknown) =>
  Array.isArray(value) && value.length > 0 && value.every((one) => Array.isArray(one) && one.length === 3);

/** `[{ "value": …, "status": … }]`. */
const isAnswers = (value: unknown) =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((one) => isFields(one) && "value" in one && ("status" in one || "user_id" in one));

const taxonomy = (value: unknown) =>
  Array.isArray(value)
    ? value.map((path) => (Array.isArray(path) ? path.map(String).join(" / ") : path) as unknown)
    : undefined;

const scalar = (value: unknown): string | null =>
  typeof value === "string"
    ? value
    : typeof value === "number" || typeof value === "boolean"
      ? String(value)
      : isFields(value) && typeof value.text === "string"
        ? value.text
        : null;

const withoutNull = (fields: Fields) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
