/** Messages between the extension and its panels: types only, imports nothing. */

/** Texts of the test part behind a figure: a pair of labels by their places, or one label of a multi-label task. */
export type ReportCell =
  | { readonly kind: "pair"; readonly truth: number; readonly given: number }
  | { readonly kind: "hit" | "missed" | "false"; readonly label: number };

/** What a panel's buttons ask of the extension. */
export type ReportCommand = "compare" | "export" | "predict" | "label";

/** Panel of a report, or of a comparison of runs, to extension. */
export type FromReport =
  | { readonly type: "ready" }
  | { readonly type: "open-example"; readonly id: string }
  /** Answered by `texts` with the same number. */
  | { readonly type: "texts"; readonly ask: number; readonly cell: ReportCell }
  | { readonly type: "copy"; readonly text: string }
  /** `content` is base64 of a PNG, or an SVG as it stands. */
  | {
      readonly type: "save";
      readonly name: string;
      readonly format: "png" | "svg";
      readonly content: string;
    }
  | { readonly type: "command"; readonly command: ReportCommand }
  /** Comparison: measure the others against this run. */
  | { readonly type: "reference"; readonly run: number }
  /** A text to judge; answered by `tried`, unless another one comes first. */
  | { readonly type: "try"; readonly text: string };

/** A text with what is known of it. */
export interface ReportText {
  readonly id: string;
  /** Null where it is not at hand, or `changed`. */
  readonly text: string | null;
  /** Whether the text under this id is no longer the one that was judged. */
  readonly changed: boolean;
  readonly truth: readonly string[];
  readonly predicted: readonly string[];
  /** Of the given, the true and the next most likely labels. */
  readonly probabilities: readonly Guess[];
}

/** Words of the panels of reports. */
export type ReportWord =
  | "actions"
  | "behind"
  | "behindFalse"
  | "behindHit"
  | "behindMissed"
  | "cells"
  | "changed"
  | "close"
  | "compare"
  | "copied"
  | "copyCsv"
  | "copyMarkdown"
  | "copyPng"
  | "copySvg"
  | "export"
  | "given"
  | "givenTrue"
  | "label"
  | "macro"
  | "notAtHand"
  | "openExample"
  | "predict"
  | "reset"
  | "rest"
  | "sortBy"
  | "threshold"
  | "thresholdSays"
  | "true"
  | "try"
  | "tryBox"
  | "tryCut"
  | "tryFailed"
  | "tryGiven"
  | "tryHint"
  | "tryNothing"
  | "tryOther"
  | "tryStarting"
  | "tryTable"
  | "tryTitle"
  | "tryWaiting";
export type ReportWords = Readonly<Record<ReportWord, string>>;

/** What a label is known by beside its name: a character, and the name of one of the theme's chart colours. */
export interface LabelSign {
  readonly shape: string;
  readonly color: string;
}

/** Extension to the panel of a report or of a comparison. */
export type ToReport =
  | {
      readonly type: "opened";
      readonly page: "report" | "comparison";
      readonly words: ReportWords;
      /** BCP 47, for numbers. */
      readonly locale: string;
      readonly kind: "single" | "multi" | "generation";
      readonly labels: readonly string[];
      /** In their order. */
      readonly signs: readonly LabelSign[];
      /** Multi-label tasks: from which probability on each label is given; else null. */
      readonly thresholds: readonly number[] | null;
      /** Something to know about the run, in a sentence. */
      readonly notice: string | null;
    }
  | {
      readonly type: "texts";
      readonly ask: number;
      readonly rows: readonly ReportText[];
      /** How many more there are. */
      readonly more: number;
    }
  | {
      readonly type: "tried";
      readonly text: string;
      readonly labels: readonly Guess[];
      readonly output: string | null;
      /** It was too long and lost its middle. */
      readonly cut: boolean;
    }
  | { readonly type: "try-failed"; readonly message: string };

/** In which order texts come up for labelling. `uncertain` and `disagree` rest on models not fitted to the text. */
export type LabelOrder = "file" | "random" | "uncertain" | "disagree";

/** Which texts come up. `label` is a label of the task; "" asks for answers without any label. */
export type LabelFilter =
  | { readonly show: "all" | "open" | "answered" | "skipped" | "noted" | "broken" | "wrong" | "suggested" }
  | { readonly show: "label"; readonly label: string };

/** What the label editor lists. */
export interface LabelView {
  readonly order: LabelOrder;
  readonly filter: LabelFilter;
  /** Part of a text, an id, or a note; "" for everything. */
  readonly search: string;
}

/**
 * Where an example stands: without an answer, answered, set aside; `broken` is a line that is no example. One letter each
 * in `arranged`: `o`, `a`, `s`, `x`.
 */
export type RowState = "open" | "answered" | "skipped" | "broken";

/** A label with its probability. */
export interface Guess {
  readonly label: string;
  readonly probability: number;
}

/** Why a text is shown, as facts for a sentence. */
export type Why =
  | { readonly kind: "file"; readonly line: number }
  | { readonly kind: "random" }
  /** The model hesitates: its likeliest labels. */
  | { readonly kind: "hesitates"; readonly between: readonly Guess[] }
  /** The model, not fitted to this text, says something else than the person. */
  | { readonly kind: "disagrees"; readonly model: Guess; readonly yours: Guess }
  /** It gives a label that the person does not. */
  | { readonly kind: "adds"; readonly model: Guess }
  /** It does not give a label that the person gives. */
  | { readonly kind: "misses"; readonly yours: Guess }
  /** It says what the person says since the text was listed. */
  | { readonly kind: "agrees" }
  /** The line has changed since it was listed: it would not be listed now. */
  | { readonly kind: "changed" }
  /** The last run got it wrong. */
  | { readonly kind: "wrong"; readonly predicted: readonly string[]; readonly test: boolean };

/** One line of the examples file, as the label editor shows it. `line` counts from 0. */
export interface LabelRow {
  readonly line: number;
  readonly id: string;
  /** The text, or its beginning; of a broken line the line itself. */
  readonly text: string;
  /** Whether `text` is all of it. */
  readonly whole: boolean;
  readonly state: RowState;
  /** Labels given, or the one text in answer. */
  readonly answer: readonly string[];
  readonly note: string;
  /** Of the test part, by what the file or the task says. */
  readonly test: boolean;
  /** What is wrong with the line, in a sentence. */
  readonly problem: string | null;
  readonly why: Why;
}

/**
 * How far a class is. `needed`: more texts of it until its score means anything, 0 where it has enough; `ofTest` where only
 * texts of the test part count for that, since it was drawn already.
 */
export interface ClassProgress {
  readonly label: string;
  readonly count: number;
  readonly needed: number;
  readonly ofTest: boolean;
}

export interface LabelProgress {
  readonly answered: number;
  readonly skipped: number;
  readonly open: number;
  readonly broken: number;
  /** In the order of the task's labels; none for generation. */
  readonly classes: readonly ClassProgress[];
}

/** What the last adapter would answer; `none` where it may not be asked about this text. */
export type Suggestion =
  | {
      readonly state: "ready";
      /** The likeliest first. */
      readonly labels: readonly Guess[];
      /** Labels that it would give. */
      readonly chosen: readonly string[];
      readonly output: string | null;
    }
  | { readonly state: "waiting" }
  | {
      readonly state: "none";
      readonly reason: "fitted" | "test" | "drawn" | "broken" | "failed";
      readonly message?: string;
    };

/** Words of the label editor's page. */
export type LabelWord =
  | "answer"
  | "answerHint"
  | "broken"
  | "brokenCount"
  | "brokenLine"
  | "classes"
  | "close"
  | "descriptions"
  | "filter"
  | "filterAll"
  | "filterAnswered"
  | "filterBroken"
  | "filterNoted"
  | "filterOpen"
  | "filterSkipped"
  | "filterSuggested"
  | "filterWrong"
  | "findLabel"
  | "fixTest"
  | "fixTestHint"
  | "foldsHint"
  | "jump"
  | "jumpHint"
  | "jumpNothing"
  | "keyAnswer"
  | "keyAnswered"
  | "keyClear"
  | "keyConfirm"
  | "keyDescriptions"
  | "keyEscape"
  | "keyFindLabel"
  | "keyJump"
  | "keyLabels"
  | "keyMove"
  | "keyNote"
  | "keySearch"
  | "keySkip"
  | "keyUndo"
  | "keys"
  | "labelled"
  | "labels"
  | "leftOut"
  | "leftOutBegin"
  | "leftOutEnd"
  | "leftOutShow"
  | "list"
  | "loading"
  | "needed"
  | "neededHint"
  | "neededTestHint"
  | "next"
  | "noLabel"
  | "notTaken"
  | "note"
  | "noteHint"
  | "noteVerb"
  | "nothingLeft"
  | "nothingListed"
  | "openTask"
  | "openText"
  | "order"
  | "orderDisagree"
  | "orderFile"
  | "orderRandom"
  | "orderUncertain"
  | "place"
  | "previous"
  | "search"
  | "showRest"
  | "removed"
  | "removedLine"
  | "removeLine"
  | "removeText"
  | "skip"
  | "skipped"
  | "skippedCount"
  | "strangeLabel"
  | "suggest"
  | "suggestHint"
  | "suggestion"
  | "suggestionDrawn"
  | "suggestionFailed"
  | "suggestionFitted"
  | "suggestionTest"
  | "suggestionWaiting"
  | "test"
  | "testHint"
  | "text"
  | "tools"
  | "undo"
  | "whyAdds"
  | "whyAgrees"
  | "whyChanged"
  | "whyDisagrees"
  | "whyFile"
  | "whyHesitates"
  | "whyMisses"
  | "whyRandom"
  | "whyUnsure"
  | "whyWrong"
  | "whyWrongTest";
export type LabelWords = Readonly<Record<LabelWord, string>>;

export interface LabelTask {
  readonly name: string;
  readonly kind: "single" | "multi" | "generation";
  readonly instruction: string;
  readonly labels: readonly {
    readonly name: string;
    readonly description: string;
    readonly sign: LabelSign;
  }[];
}

/**
 * Label editor to extension. `id` guards an edit: a line that holds another example is left alone. Every edit has a number
 * and is answered by `done`, after the row as the edit has left it.
 */
export type FromLabel =
  | { readonly type: "ready" }
  | { readonly type: "arrange"; readonly view: LabelView; readonly keep: number | null }
  /** The line on the screen, and lines that may come next: wanted with their whole texts. */
  | { readonly type: "at"; readonly line: number; readonly ahead: readonly number[] }
  /** Lines that the list shows: the beginnings of their texts are enough. */
  | { readonly type: "rows"; readonly lines: readonly number[] }
  | {
      readonly type: "answer";
      readonly edit: number;
      readonly line: number;
      readonly id: string;
      /** A label, labels, a text; null takes the answer away. */
      readonly answer: string | readonly string[] | null;
    }
  | {
      readonly type: "skip";
      readonly edit: number;
      readonly line: number;
      readonly id: string;
      readonly skipped: boolean;
    }
  | {
      readonly type: "note";
      readonly edit: number;
      readonly line: number;
      readonly id: string;
      readonly note: string;
    }
  /** The example's line goes from the file. */
  | { readonly type: "remove"; readonly line: number; readonly id: string }
  /** A line that is no example goes from the file. `raw`: the line, or as much of its beginning as the page has. */
  | { readonly type: "remove-broken"; readonly line: number; readonly raw: string }
  | { readonly type: "undo" | "redo" }
  | { readonly type: "jump"; readonly to: string }
  | { readonly type: "suggest"; readonly line: number; readonly id: string }
  | { readonly type: "stop-suggesting" }
  /** Draw the test part once and for all. */
  | { readonly type: "fix-test" }
  | { readonly type: "open-text"; readonly line: number | null }
  | { readonly type: "open-task" };

/** Extension to label editor. */
export type ToLabel =
  | {
      readonly type: "opened";
      readonly task: LabelTask;
      readonly words: LabelWords;
      /** BCP 47, for numbers and plurals. */
      readonly locale: string;
      /** Whether suggestions are on at first. */
      readonly suggest: boolean;
      /** Whether the task has a run with out-of-fold predictions. */
      readonly folds: boolean;
      /** Whether the task has a finished run, whose adapter can be asked. */
      readonly run: boolean;
      /** Whether there are suggestions that were asked for beforehand. */
      readonly held: boolean;
      /** Whether the files say which texts are the test part. Else no model has a say here. */
      readonly fixed: boolean;
      /** Something to know about the file, in a sentence. */
      readonly notice: string | null;
      /** Why nothing can be changed, in a sentence; null where it can. */
      readonly locked: string | null;
    }
  /** Nothing to label here: why, in a sentence. */
  | {
      readonly type: "closed";
      readonly message: string;
      readonly words: LabelWords;
      readonly locale: string;
      readonly task: boolean;
    }
  | {
      readonly type: "arranged";
      readonly view: LabelView;
      /** Lines to show, in their order. */
      readonly lines: readonly number[];
      /** A letter for each line of the file; a space for a blank one. */
      readonly states: string;
      /** Line to stay on, or null for the first that is open. */
      readonly keep: number | null;
      readonly progress: LabelProgress;
    }
  | { readonly type: "rows"; readonly rows: readonly LabelRow[] }
  /** Rows that have changed in place; `show` is the line that an undo or redo touched. */
  | {
      readonly type: "changed";
      readonly rows: readonly LabelRow[];
      readonly show: number | null;
      readonly progress: LabelProgress;
    }
  | { readonly type: "jumped"; readonly line: number | null; readonly to: string }
  | { readonly type: "suggestion"; readonly line: number; readonly suggestion: Suggestion }
  /** The text is too long for the base model, which does not read it from one place (UTF-16) to another. */
  | {
      readonly type: "left-out";
      readonly line: number;
      readonly id: string;
      readonly from: number;
      readonly to: number;
    }
  /** Show what has a suggestion, with suggestions on. */
  | { readonly type: "review" }
  /** An edit has been carried out, or refused. */
  | { readonly type: "done"; readonly edit: number }
  /** A line has gone from the file: of an example, or one that was none. */
  | { readonly type: "removed"; readonly broken: boolean }
  | { readonly type: "refused"; readonly message: string };

/** What the user may choose before a run; what is null follows from the task, the settings and the data. */
export interface TuneChoices {
  readonly method: string | null;
  /** Name or path of the base model. */
  readonly base: string | null;
  /** 0: no out-of-fold predictions. */
  readonly folds: number;
  readonly steps: number | null;
  readonly seed: number | null;
}

/** One thing that was found in the data. */
export interface TuneFinding {
  readonly severity: "error" | "warning" | "info";
  readonly message: string;
  /** The first places; `more` are left out. `file` and `line` lead there; line counts from 1. */
  readonly places: readonly {
    readonly message: string;
    readonly file: string | null;
    readonly line: number | null;
    /** As a person would write it. */
    readonly where: string;
  }[];
  readonly more: number;
}

/** What the examples of a task are, by class and part. */
export interface TuneData {
  readonly findings: readonly TuneFinding[];
  readonly answered: number;
  readonly unanswered: number;
  readonly skipped: number;
  /** Whether a text can count for several classes. */
  readonly multi: boolean;
  /** `label` is null for texts to which no label applies. None for generation. */
  readonly classes: readonly {
    readonly label: string | null;
    readonly all: number;
    readonly train: number;
    readonly test: number;
  }[];
  readonly split: { readonly drawn: boolean; readonly train: number; readonly test: number } | null;
}

/** What a run would do and cost. */
export interface TunePlan {
  readonly model: string;
  readonly parameters: number;
  readonly license: string | null;
  readonly method: string;
  readonly steps: number;
  readonly seed: number;
  readonly fit: number;
  readonly heldOut: number;
  readonly test: number;
  readonly folds: number;
  readonly device: string;
  readonly precision: string;
  readonly threads: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly available: number;
  readonly cutTexts: number;
  readonly textRoom: number;
  readonly probe: boolean;
  /** In sentences. */
  readonly decisions: readonly string[];
}

/** What the user can be offered. */
export type TuneAction =
  | "tune"
  | "keep"
  | "cancel"
  | "resume"
  | "less-memory"
  | "again"
  | "check"
  | "label"
  | "task"
  | "get-model"
  | "models"
  | "report"
  | "delete"
  | "log"
  | "settings";

/** Why there is no run, or no more of it, and what to do, in sentences. */
export interface TuneTrouble {
  readonly message: string;
  readonly tries: readonly string[];
  readonly actions: readonly TuneAction[];
}

/** Which part of a run is under way. */
export type TunePhase =
  "starting" | "probe" | "tune" | "fold" | "held-out" | "test" | "untuned" | "score-fold" | "other";

/** A run as it goes. */
export interface TuneRun {
  readonly phase: TunePhase;
  /** Of `fold` and `score-fold`: which, and how many there are. */
  readonly fold: { readonly at: number; readonly of: number } | null;
  /** Of the phase: steps or texts. */
  readonly done: number;
  readonly total: number;
  /** Of the whole run, 0 to 1. */
  readonly share: number;
  readonly secondsLeft: number | null;
  readonly loss: number | null;
  readonly score: number | null;
  readonly heldOutLoss: number | null;
  readonly tokensPerSecond: number | null;
  /** Bytes. */
  readonly memory: number | null;
  readonly mostMemory: number | null;
  /** Of the run's own training; `steps` is how many it will be at most. */
  readonly steps: number;
  readonly losses: readonly { readonly step: number; readonly loss: number }[];
  readonly looks: readonly { readonly step: number; readonly loss: number; readonly score: number | null }[];
  readonly notes: readonly string[];
}

/**
 * `planning`: the cost is not known yet; `refused`: it cannot be started; `queued`: another run goes first; `keeping` and
 * `cancelling`: asked to stop, not there yet.
 */
export type TuneStage =
  | "planning"
  | "ready"
  | "refused"
  | "queued"
  | "running"
  | "keeping"
  | "cancelling"
  | "done"
  | "cancelled"
  | "failed";

export interface TuneView {
  /** Name of the task, and of its file. */
  readonly task: string;
  readonly file: string;
  readonly stage: TuneStage;
  readonly choices: TuneChoices;
  /** What can be chosen. Of methods and models the first is what is taken where nothing is chosen. */
  readonly methods: readonly string[];
  readonly models: readonly { readonly value: string | null; readonly name: string }[];
  readonly data: TuneData | null;
  readonly plan: TunePlan | null;
  readonly trouble: TuneTrouble | null;
  readonly run: TuneRun | null;
  /** Of a run that is over: its headline, if it has one. */
  readonly result: {
    readonly score: number;
    readonly low: number | null;
    readonly high: number | null;
  } | null;
  /** Name of the task whose run goes first. */
  readonly before: string | null;
}

/** Words of the tuning page. */
export type TuneWord =
  | "advanced"
  | "again"
  | "all"
  | "atMost"
  | "baseModel"
  | "before"
  | "cancel"
  | "cancelled"
  | "cancelling"
  | "check"
  | "checking"
  | "class"
  | "classes"
  | "costUnknown"
  | "cut"
  | "default"
  | "delete"
  | "device"
  | "deviceValue"
  | "done"
  | "f1"
  | "failed"
  | "findings"
  | "folds"
  | "foldsCost"
  | "foldsHint"
  | "foldsNone"
  | "foldsSome"
  | "get-model"
  | "given"
  | "drawn"
  | "heldOut"
  | "heldOutLoss"
  | "heldOutTable"
  | "keep"
  | "keeping"
  | "label"
  | "left"
  | "less-memory"
  | "log"
  | "loss"
  | "lossMean"
  | "lossTable"
  | "memory"
  | "memoryMost"
  | "memoryValue"
  | "method"
  | "methodBias"
  | "methodFull"
  | "methodLora"
  | "methodPrompt"
  | "methodPtuning"
  | "methodPtuningBias"
  | "models"
  | "modelValue"
  | "more"
  | "noLabel"
  | "notes"
  | "notReadYet"
  | "nothingFound"
  | "percent"
  | "phaseFold"
  | "phaseHeldOut"
  | "phaseOther"
  | "phaseProbe"
  | "phaseScoreFold"
  | "phaseStarting"
  | "phaseTest"
  | "phaseTune"
  | "phaseUntuned"
  | "planning"
  | "probe"
  | "queued"
  | "refused"
  | "report"
  | "result"
  | "resume"
  | "seed"
  | "sentence"
  | "sentenceFolds"
  | "sentenceHeldOut"
  | "settings"
  | "severityError"
  | "severityInfo"
  | "severityWarning"
  | "skipped"
  | "step"
  | "steps"
  | "stepsOf"
  | "table"
  | "task"
  | "test"
  | "textsOf"
  | "time"
  | "title"
  | "titleRun"
  | "together"
  | "tokens"
  | "tokensValue"
  | "train"
  | "tries"
  | "tune"
  | "unanswered"
  | "whatIsWrong";

export type TuneWords = Readonly<Record<TuneWord, string>>;

/** Tuning page to extension. */
export type FromTune =
  | { readonly type: "ready" }
  | { readonly type: "choose"; readonly choices: TuneChoices }
  | { readonly type: "act"; readonly action: TuneAction }
  | { readonly type: "open"; readonly file: string; readonly line: number | null };

/** Extension to tuning page. */
export type ToTune =
  | {
      readonly type: "opened";
      readonly words: TuneWords;
      /** BCP 47, for numbers and units. */
      readonly locale: string;
    }
  | { readonly type: "view"; readonly view: TuneView };
