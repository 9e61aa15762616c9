import path from "node:path";
import { fileNameOf } from "../../core/files";
import {
  withColor,
  withKind,
  withLabel,
  withLabelBack,
  withLabelMoved,
  withNewLabel,
  withoutLabel,
  withSeparator,
  withUse,
  type TaskDraft,
} from "../../core/import/draft";
import type { ReadChoices } from "../../core/import/types";
import type { NewTaskMessage, ReadingChange } from "./messages";
import { shownColumns } from "./present";

/** Choices after which the rows have to be gone through again. */
const OF_ROWS: ReadonlySet<NewTaskMessage["type"]> = new Set([
  "use",
  "kind",
  "separator",
  "remove-label",
  "label-back",
]);

export const concernsRows = ({ type }: NewTaskMessage) => OF_ROWS.has(type);

/** The draft as a choice on the page makes it; null where the message is none. */
export function edited(draft: TaskDraft, message: NewTaskMessage): TaskDraft | null {
  switch (message.type) {
    case "use": {
      const column = shownColumns(draft)[message.column];
      return column === undefined ? draft : withUse(draft, column, message.use);
    }
    case "kind":
      return withKind(draft, message.kind);
    case "separator":
      return withSeparator(draft, message.separator);
    case "label": {
      const { type: _, at, ...label } = message;
      return withLabel(draft, at, label);
    }
    case "label-color":
      return withColor(draft, message.at, message.color);
    case "move-label":
      return withLabelMoved(draft, message.from, message.to);
    case "add-label":
      return withNewLabel(draft, message.name);
    case "remove-label":
      return withoutLabel(draft, message.at);
    case "label-back":
      return withLabelBack(draft, message.at);
    case "write-in":
      return message.field === "out"
        ? { ...draft, out: beside(draft.found.file, message.value) }
        : { ...draft, [message.field]: message.value };
    case "test-share":
      return { ...draft, testShare: message.percent / 100 };
    case "model":
      return { ...draft, baseModel: message.name };
    default:
      return null;
  }
}

/** Path of new files, without their endings, in the folder of the source: a name there is no path. */
const beside = (file: string, name: string) => path.dirname(file) + path.sep + fileNameOf(name);

/** Another way to read: what belongs to a format goes with it. */
export function readAgain(read: ReadChoices, { asItStands, ...change }: ReadingChange): ReadChoices {
  const { tool, ...before } = change.format === undefined ? read : { tool: read.tool };
  const asWritten = asItStands ?? tool === null;
  return { ...before, ...change, ...(asWritten ? { tool: null } : {}) };
}
