/** Messages between the extension and the page on which a task is made: types only, imports nothing. */

/** What a column is for. */
export type NewTaskUse = "text" | "answer" | "id" | "group" | "split" | "keep" | "none";
export type NewTaskKind = "single" | "multi" | "generation";

/** How the file was read. Null where its format leaves nothing to choose. */
export interface NewTaskReading {
  /** "" where it could not be told. */
  readonly format: string;
  readonly encoding: string | null;
  readonly delimiter: string | null;
  readonly header: boolean | null;
  readonly sheet: string | null;
  readonly sheets: readonly string[];
  /** Program whose export the file looks like. */
  readonly tool: string | null;
  /** Whether a program's export may be read as it stands instead. */
  readonly asItStands: boolean;
}

/** A reading that the person chooses; what is left out stays as it is. */
export interface NewTaskReadingChange {
  readonly format?: string;
  readonly encoding?: string;
  readonly delimiter?: string;
  readonly header?: boolean;
  readonly sheet?: string;
  readonly asItStands?: boolean;
}

export interface NewTaskColumn {
  readonly name: string;
  readonly use: NewTaskUse;
  /** Whether the column's name is one that an example has already, so that it cannot be kept under it. */
  readonly reserved: boolean;
}

/** Something in the file that could not be taken as it is. `line` counts from 1. */
export interface NewTaskProblem {
  readonly line: number | null;
  readonly severity: "error" | "warning" | "info";
  readonly message: string;
}

export type NewTaskColor = "blue" | "yellow" | "green" | "purple" | "red" | "orange";

export interface NewTaskLabel {
  /** As it stands in the file; null for one that was added by hand. */
  readonly found: string | null;
  readonly name: string;
  readonly description: string;
  /** Null for the one that follows from its place. */
  readonly color: NewTaskColor | null;
  /** What it will be known by; null where it is no label of the task. */
  readonly sign: { readonly shape: string; readonly color: NewTaskColor } | null;
  readonly count: number;
  /** Whether it is no label of the task: its texts are left without it. */
  readonly dropped: boolean;
}

export type NewTaskObstacle =
  "no-text" | "few-labels" | "many-labels" | "blank-label" | "blank-name" | "blank-file" | "wrong-share";

/** Everything that the page shows of a task in the making. */
export interface NewTaskView {
  readonly reading: NewTaskReading;
  /** Whether a line of the file can be shown in a text editor. */
  readonly openable: boolean;
  readonly rows: number;
  readonly columns: readonly NewTaskColumn[];
  /** Columns beyond those that are shown. */
  readonly moreColumns: number;
  /** The first rows, a cell a column, long ones cut. */
  readonly first: readonly (readonly string[])[];
  readonly problems: readonly NewTaskProblem[];
  /** How many there are, listed or not. */
  readonly problemCount: number;
  readonly kind: NewTaskKind;
  /** What stands between several labels in one cell; null for nothing. */
  readonly separator: string | null;
  /** Whether there is a separator to choose. */
  readonly separable: boolean;
  readonly labels: readonly NewTaskLabel[];
  readonly moreLabels: number;
  readonly name: string;
  readonly instruction: string;
  /** Null for the default one. */
  readonly baseModel: string | null;
  readonly models: readonly string[];
  /** Name of the default model, and whether it is on this machine; null until that is known. */
  readonly defaultModel: { readonly name: string; readonly here: boolean } | null;
  /** In percent. */
  readonly testShare: number;
  /** Name of the new files without their endings. */
  readonly out: string;
  /** Null until the rows have been gone through. */
  readonly texts: { readonly all: number; readonly answered: number } | null;
  /** Whether a column of the file says which texts are for the test. */
  readonly splitGiven: boolean;
  readonly obstacles: readonly NewTaskObstacle[];
}

/** Words of the page. */
export type NewTaskWord =
  | "addLabel"
  | "asItStands"
  | "baseModel"
  | "baseModelFile"
  | "colorBlue"
  | "colorByPlace"
  | "colorGreen"
  | "colorOf"
  | "colorOrange"
  | "colorPurple"
  | "colorRed"
  | "colorYellow"
  | "columnUse"
  | "comma"
  | "create"
  | "createAnyway"
  | "delimiter"
  | "description"
  | "descriptionOf"
  | "drawing"
  | "encoding"
  | "fileName"
  | "fileSays"
  | "format"
  | "formatCsv"
  | "formatFolder"
  | "formatJson"
  | "formatJsonl"
  | "formatParquet"
  | "formatText"
  | "formatXlsx"
  | "groupHint"
  | "header"
  | "instruction"
  | "instructionHint"
  | "kind"
  | "kindGeneration"
  | "kindGenerationHint"
  | "kindMulti"
  | "kindMultiHint"
  | "kindSingle"
  | "kindSingleHint"
  | "labelBack"
  | "labelDropped"
  | "labelName"
  | "labels"
  | "labelsHint"
  | "merged"
  | "modelDefault"
  | "modelMissing"
  | "moreColumns"
  | "moreLabels"
  | "moreProblems"
  | "moveDown"
  | "moveUp"
  | "name"
  | "newLabel"
  | "noLabelsYet"
  | "noSeparator"
  | "notCounted"
  | "obstacleBlankFile"
  | "obstacleBlankLabel"
  | "obstacleBlankName"
  | "obstacleFewLabels"
  | "obstacleFewLabelsMulti"
  | "obstacleManyLabels"
  | "obstacleNoText"
  | "obstacleWrongShare"
  | "openLine"
  | "otherFile"
  | "problems"
  | "reading"
  | "readingHint"
  | "remove"
  | "rows"
  | "semicolon"
  | "separator"
  | "sheet"
  | "stop"
  | "stopped"
  | "summary"
  | "summaryTest"
  | "tab"
  | "testGiven"
  | "testShare"
  | "testShareHint"
  | "title"
  | "tool"
  | "toolAsItStands"
  | "unseen"
  | "useAnswer"
  | "useGroup"
  | "useId"
  | "useKeep"
  | "useNone"
  | "useSplit"
  | "useText"
  | "whatIsAsked"
  | "whatWasRead"
  | "where"
  | "writes"
  | "writing";
export type NewTaskWords = Readonly<Record<NewTaskWord, string>>;

/** Page to extension. Columns and labels are named by their place. */
export type FromNewTask =
  | { readonly type: "ready" }
  | { readonly type: "read"; readonly change: NewTaskReadingChange }
  | { readonly type: "use"; readonly column: number; readonly use: NewTaskUse }
  | { readonly type: "kind"; readonly kind: NewTaskKind }
  | { readonly type: "separator"; readonly separator: string | null }
  | { readonly type: "label"; readonly at: number; readonly name?: string; readonly description?: string }
  | { readonly type: "label-color"; readonly at: number; readonly color: NewTaskColor | null }
  | { readonly type: "move-label"; readonly from: number; readonly to: number }
  | { readonly type: "add-label"; readonly name: string }
  | { readonly type: "remove-label"; readonly at: number }
  /** One of the file's that was removed. */
  | { readonly type: "label-back"; readonly at: number }
  | { readonly type: "write-in"; readonly field: "name" | "instruction" | "out"; readonly value: string }
  | { readonly type: "test-share"; readonly percent: number }
  | { readonly type: "model"; readonly name: string | null }
  | { readonly type: "model-file" }
  | { readonly type: "open-line"; readonly line: number }
  /** `anyway`: what could not be read has been seen. */
  | { readonly type: "create"; readonly anyway: boolean }
  | { readonly type: "stop" }
  | { readonly type: "other-file" };

/** What is going on, and how far it is from 0 to 1. */
export interface NewTaskProgress {
  readonly phase: "reading" | "drawing" | "writing";
  readonly share: number;
  readonly rows: number;
}

/** Extension to page. */
export type ToNewTask =
  | {
      readonly type: "opened";
      /** Name of the file. */
      readonly file: string;
      readonly words: NewTaskWords;
      /** BCP 47, for numbers. */
      readonly locale: string;
    }
  | { readonly type: "progress"; readonly progress: NewTaskProgress }
  | { readonly type: "shown"; readonly view: NewTaskView }
  /** The file cannot be read in this way. What can be chosen of its reading stays there to be changed. */
  | { readonly type: "unreadable"; readonly message: string; readonly reading: NewTaskReading }
  /** Reading was stopped by the person. */
  | { readonly type: "stopped" }
  /** Nothing was written: why, in a sentence. */
  | { readonly type: "refused"; readonly message: string }
  /** Nothing was written: there is more in the file that cannot be taken than had been shown. */
  | { readonly type: "unseen" };
