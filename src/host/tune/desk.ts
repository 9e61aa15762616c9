import path from "node:path";
import { shownPath } from "../../core/data";
import { DEFAULT_MODEL } from "../../core/model/default/model";
import { isNamed, type FoundModel } from "../../core/model/found";
import type { RunHistory } from "../../core/runs/history";
import { MethodName, Report, type Task } from "../../core/schema";
import type { FromWorker, Job } from "../../core/tuning/protocol";
import type { CheckSummary, RunPlan } from "../../core/tuning/run-plan";
import type { JobEnd, RunningJob } from "../../core/tuning/worker-process";
import type { TuneChoices, TuneData, TunePlan, TuneStage, TuneTrouble, TuneView } from "../../protocol";
import { inputOf, NO_CHOICES, type RunInput, type RunSettings } from "./jobs";
import { LiveRun } from "./live";
import type { RunQueue } from "./queue";

/** Places of each finding that the page shows. */
const PLACES_SHOWN = 4;
/** Of the memory that a run was to take, what it is given where it did not suffice. */
const LESS_MEMORY = 0.6;

type UsableModel = FoundModel & { readonly isDefault: boolean };

/** What a desk needs from outside; tests give other ones. */
export interface DeskTools {
  start(job: Job, listen: (message: FromWorker) => void): RunningJob;
  settings(): RunSettings;
  readTask(file: string): Promise<Task>;
  /** Base models on this machine that can be used. */
  models(): Promise<readonly UsableModel[]>;
  history(folder: string): Promise<RunHistory>;
  /** Why a run ended, and what to do. */
  explain(
    error: unknown,
    about: {
      readonly folder: string | null;
      /** Named by task, settings or choice; null for the default one. */
      readonly base: string | null;
    },
  ): TuneTrouble;
  now(): number;
}

/** How a run that was begun here ended. */
export type RunEnd =
  | { readonly kind: "done"; readonly folder: string }
  | { readonly kind: "cancelled"; readonly folder: string | null; readonly step: number }
  | { readonly kind: "failed"; readonly folder: string | null; readonly trouble: TuneTrouble };

/** All about the runs of one task: what the next would be, how the present one stands, how the last one ended. */
export class Desk {
  private stage: TuneStage = "planning";
  private task: Task | null = null;
  private choices: TuneChoices = NO_CHOICES;
  private models: readonly UsableModel[] = [];
  private check: CheckSummary | null = null;
  private plan: RunPlan | null = null;
  private trouble: TuneTrouble | null = null;
  private live: LiveRun | null = null;
  private result: TuneView["result"] = null;
  private planning: RunningJob | null = null;
  private running: RunningJob | null = null;
  private memory: number | null = null;
  private looks = 0;
  /** Of the present run, or of the last one. */
  folder: string | null = null;

  /**
   * @param path Absolute path of the task file; another one once it is renamed.
   * @param changed Told whenever the view is another one.
   */
  constructor(
    private path: string,
    private readonly tools: DeskTools,
    private readonly queue: RunQueue<Desk>,
    private readonly changed: () => void,
  ) {}

  get file(): string {
    return this.path;
  }

  /** A file or a folder has got another name, and this task with it. */
  moved(from: string, to: string): void {
    const place = (file: string) => (isWithin(file, from) ? to + file.slice(from.length) : file);
    this.path = place(this.path);
    if (this.folder !== null) this.folder = place(this.folder);
    this.changed();
  }

  /** Name of the task; that of its file as long as it is not read. */
  get name(): string {
    return this.task?.name ?? path.basename(this.file, ".plumb.json");
  }

  /** Whether a run is under way, or waits for its turn. */
  get busy(): boolean {
    return ["queued", "running", "keeping", "cancelling"].includes(this.stage);
  }

  view(): TuneView {
    const settings = this.tools.settings();
    const method = this.task?.method ?? (settings.method || "ptuning-bias");
    const base = this.task?.baseModel ?? (settings.baseModel.trim() || null);
    return {
      task: this.name,
      file: path.basename(this.file),
      stage: this.stage,
      choices: this.choices,
      methods: [method, ...MethodName.options.filter((other) => other !== method)],
      models: [
        { value: null, name: base ?? DEFAULT_MODEL.title },
        // That one is not offered twice, by its name and as the one that is taken anyway.
        ...this.models
          .filter((model) => (base === null ? !model.isDefault : !isNamed(model, base)))
          .map(({ name }) => ({ value: name, name })),
      ],
      data: this.check === null ? null : dataOf(this.check, path.dirname(this.file)),
      plan: this.plan === null ? null : planOf(this.plan),
      trouble: this.trouble,
      run: this.live?.view() ?? null,
      result: this.result,
      before: this.queue.before(this)?.name ?? null,
    };
  }

  /** Looks at the task anew: what a run would do and cost, and what speaks against it. Not while one is under way. */
  async look(): Promise<void> {
    if (this.busy) return;
    this.endPlanning();
    const look = ++this.looks;
    this.to("planning", { plan: null, trouble: null, live: null, result: null });
    try {
      this.task = await this.tools.readTask(this.file);
      this.models = await this.tools.models();
    } catch (error) {
      this.check = null;
      if (look === this.looks) this.refuse(error);
      return;
    }
    // Begun meanwhile, or asked for again.
    if (look !== this.looks) return;
    const { input, base } = this.input();
    const planning = this.tools.start({ type: "forecast", ...input }, (message) => {
      if (this.planning === planning) this.listen(message);
    });
    this.planning = planning;
    this.changed();
    try {
      await planning.ended;
    } catch (error) {
      if (this.planning === planning) this.refuse(error, base);
    } finally {
      if (this.planning === planning) this.planning = null;
    }
  }

  /** Cannot be looked at as it is, and says why. Not while a run is under way. */
  hold(trouble: TuneTrouble): void {
    if (this.busy) return;
    this.endPlanning();
    this.looks++;
    this.check = null;
    this.to("refused", { plan: null, trouble, live: null, result: null });
  }

  /** Other choices, other costs. */
  async choose(choices: TuneChoices): Promise<void> {
    this.choices = choices;
    await this.look();
  }

  /** Begins a run as it is planned. Nothing happens where one is under way or the data are not fit for it. */
  async tune(): Promise<RunEnd | null> {
    if (this.busy || this.stage === "refused" || this.task === null) return null;
    const { input, base } = this.input();
    return this.run({ type: "tune", ...input }, base);
  }

  /** The same with smaller pieces at a time. */
  async tuneInLess(): Promise<RunEnd | null> {
    if (this.busy) return null;
    const wanted = this.plan?.bytes ?? this.live?.view().mostMemory ?? null;
    if (this.task === null) await this.look();
    this.endPlanning();
    this.memory = wanted === null ? null : wanted * LESS_MEMORY;
    this.stage = "ready";
    return this.tune();
  }

  /** Goes on with a run that did not end. */
  async resume(folder: string): Promise<RunEnd | null> {
    if (this.busy) return null;
    this.task ??= await this.tools.readTask(this.file).catch(() => null);
    return this.run({ type: "resume", run: folder }, null);
  }

  /** Ends the present run with the best that it has. */
  keep(): void {
    if (this.stage !== "running" || this.running === null) return;
    this.running.stop("keep");
    this.to("keeping");
  }

  /** Ends the present run without a result; what it has learned stays saved. */
  cancel(): void {
    if (this.stage === "queued") this.queue.leave(this);
    else if (this.running !== null && this.stage !== "cancelling") {
      this.running.stop("pause");
      this.to("cancelling");
    }
  }

  /** The editor is closed: what runs saves itself and ends. */
  dispose(): void {
    this.endPlanning();
    this.running?.stop("pause");
  }

  private async run(job: Extract<Job, { type: "tune" | "resume" }>, base: string | null): Promise<RunEnd> {
    this.endPlanning();
    this.looks++;
    this.folder = job.type === "resume" ? job.run : null;
    const folds = job.type === "tune" ? (job.folds ?? 0) : 0;
    const live = new LiveRun(folds, () => this.tools.now());
    if (job.type === "resume") live.remember(await this.tools.history(job.run));
    const mine = this.queue.turn(this);
    this.to("queued", { live, trouble: null, result: null });
    if (!(await mine)) {
      this.to("cancelled", { live: null });
      return { kind: "cancelled", folder: this.folder, step: 0 };
    }
    this.to("running");
    const running = this.tools.start(job, (message) => {
      if (message.type === "started") this.folder = message.folder;
      live.take(message);
      this.changed();
    });
    this.running = running;
    try {
      return this.ended(await running.ended);
    } catch (error) {
      return this.failed(error, base);
    } finally {
      this.running = null;
      this.memory = null;
      this.queue.leave(this);
      this.changed();
    }
  }

  private ended(end: JobEnd): RunEnd {
    if (end.kind === "paused") {
      this.to("cancelled");
      return { kind: "cancelled", folder: end.folder, step: end.step };
    }
    const report = Report.safeParse(end.result.report).data;
    const score = report?.classification?.macroF1 ?? report?.generation?.rougeL;
    const { value = null, low = null, high = null } = score ?? {};
    const result = value === null ? null : { score: value, low, high };
    this.to("done", { result });
    return { kind: "done", folder: end.result.folder! };
  }

  private failed(error: unknown, base: string | null): RunEnd {
    const { folder } = this;
    if (this.stage === "cancelling" && folder === null) {
      this.to("cancelled");
      return { kind: "cancelled", folder, step: 0 };
    }
    const trouble = this.tools.explain(error, { folder, base });
    this.to("failed", { trouble });
    return { kind: "failed", folder, trouble };
  }

  private listen(message: FromWorker): void {
    if (message.type === "checked") {
      this.check = message.check;
      if (!message.check.runnable) this.stage = "refused";
    } else if (message.type === "planned") {
      this.plan = message.plan;
      this.stage = "ready";
    } else return;
    this.changed();
  }

  private refuse(error: unknown, base: string | null = null): void {
    this.to("refused", { trouble: this.tools.explain(error, { folder: null, base }) });
  }

  private input(): { input: RunInput; base: string | null } {
    const input = inputOf(this.file, this.task!, this.choices, this.tools.settings());
    const memory = this.memory === null ? {} : { memory: this.memory };
    return {
      input: { ...input, engine: { ...input.engine, ...memory } },
      base: input.base ?? this.task!.baseModel ?? null,
    };
  }

  private endPlanning(): void {
    this.planning?.kill();
    this.planning = null;
  }

  private to(
    stage: TuneStage,
    more: {
      plan?: null;
      trouble?: TuneTrouble | null;
      live?: LiveRun | null;
      result?: TuneView["result"];
    } = {},
  ): void {
    this.stage = stage;
    if (more.plan !== undefined) this.plan = more.plan;
    if (more.trouble !== undefined) this.trouble = more.trouble;
    if (more.live !== undefined) this.live = more.live;
    if (more.result !== undefined) this.result = more.result;
    this.changed();
  }
}

/** Whether a path is a folder or lies in it. */
export const isWithin = (file: string, folder: string): boolean =>
  file === folder || file.startsWith(folder + path.sep);

function dataOf(check: CheckSummary, folder: string): TuneData {
  const { counts, classes, split } = check;
  return {
    findings: check.findings.map(({ severity, message, places }) => ({
      severity,
      message,
      places: places.slice(0, PLACES_SHOWN).map(({ file, line, message: what }) => ({
        message: what,
        file: file || null,
        line,
        where: file ? `${shownPath(file, folder)}${line === null ? "" : `:${line}`}` : "",
      })),
      more: Math.max(0, places.length - PLACES_SHOWN),
    })),
    answered: counts.answered,
    unanswered: counts.unanswered,
    skipped: counts.skipped,
    multi: check.kind === "multi",
    classes,
    split: split === null ? null : { drawn: split.made === "drawn", train: split.train, test: split.test },
  };
}

function planOf({ model, ...plan }: RunPlan): TunePlan {
  return { ...plan, model: model.name, parameters: model.parameters, license: model.license };
}
