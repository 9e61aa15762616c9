import { appendFileSync } from "node:fs";
import { access } from "node:fs/promises";
import path from "node:path";
import type { LoadedTask } from "../data";
import type { Model, Session } from "../engine";
import type { BaseModel } from "../model";
import type { Manifest } from "../schema";
import type { AdapterInfo } from "./adapter";
import type { JobChannel, JobTools } from "./job-tools";
import type { Layout } from "./layout";
import { withinMemory, type BatchRecord } from "./memory";
import { budgetOf, openTuningSession } from "./open";
import type { Parts } from "./prepare";
import { explainWriteError, RUN_FILES, writeManifest } from "./run-folder";
import type { StartingPoint } from "./start";
import type { Budget } from "./trainer";

/** What a run is made of once its base model is open. */
export interface RunParts {
  readonly folder: string;
  readonly manifest: Manifest;
  readonly loaded: LoadedTask;
  readonly parts: Parts;
  readonly base: BaseModel;
  readonly model: Model;
  readonly layout: Layout;
  /** What other adapters give to start from. */
  readonly start: StartingPoint["tensors"];
  readonly checkpointSeconds: number;
  /** Milliseconds when this process began its part of the run. */
  readonly begun: number;
}

/** A run that can start or go on: its folder exists and is locked, everything that it needs is in memory. */
export class Run {
  readonly folder: string;
  readonly loaded: LoadedTask;
  readonly parts: Parts;
  readonly base: BaseModel;
  readonly model: Model;
  readonly layout: Layout;
  readonly checkpointSeconds: number;
  /** Spent by earlier processes, as far as their last checkpoint tells. */
  private secondsBefore = 0;
  /** What is saved is this process's own: the GPU's memory ran out in it. */
  private begunAnew = false;
  private readonly start: StartingPoint["tensors"];
  private current: Manifest;
  private readonly begun: number;

  constructor(
    input: RunParts,
    readonly tools: JobTools,
    readonly channel: JobChannel,
  ) {
    this.folder = input.folder;
    this.loaded = input.loaded;
    this.parts = input.parts;
    this.base = input.base;
    this.model = input.model;
    this.layout = input.layout;
    this.start = input.start;
    this.checkpointSeconds = input.checkpointSeconds;
    this.begun = input.begun;
    this.current = input.manifest;
  }

  get manifest(): Manifest {
    return this.current;
  }

  get budget(): Budget {
    return budgetOf(this.current.engine);
  }

  /** Of all processes together. */
  get seconds(): number {
    return this.secondsBefore + (this.tools.now().getTime() - this.begun) / 1000;
  }

  file(name: keyof typeof RUN_FILES): string {
    return path.join(this.folder, RUN_FILES[name]);
  }

  checkpoint(name: string): string {
    return path.join(this.folder, RUN_FILES.checkpoints, name);
  }

  /** Writes the manifest with these changes. */
  async update(change: Partial<Manifest>): Promise<void> {
    this.current = { ...this.current, ...change };
    await writeManifest(this.folder, this.current);
  }

  /** Appends a line to the run's log. */
  log(entry: Record<string, unknown>): void {
    const file = this.file("log");
    try {
      appendFileSync(file, `${JSON.stringify(entry)}\n`);
    } catch (error) {
      throw explainWriteError(error, file);
    }
  }

  /** @param secondsBefore Spent by earlier processes; absent where they are counted already. */
  async noteResumed(phase: string, step: number, secondsBefore?: number): Promise<void> {
    if (this.begunAnew) return;
    if (secondsBefore !== undefined) this.secondsBefore = secondsBefore;
    const at = this.tools.now().toISOString();
    this.log({ event: "resumed", at, phase, step });
    await this.update({
      status: "running",
      reason: null,
      resumed: [...this.current.resumed, { at, step, phase }],
    });
  }

  /** Does a part of the run that goes on from what it has saved, a second time where the GPU's memory ran out. */
  withinMemory<T>(phase: string, work: () => Promise<T>): Promise<T> {
    return withinMemory(() => this.batchRecord(), phase, work);
  }

  private batchRecord(): BatchRecord {
    const { engine, smallerBatches: smaller, decisions } = this.current;
    return {
      folder: this.folder,
      engine,
      smaller,
      now: () => this.tools.now(),
      takeSmaller: async (found, sentence) => {
        this.begunAnew = true;
        this.log({ event: "smaller-batches", ...found });
        this.channel.send({ type: "note", level: "warning", message: sentence });
        await this.update({
          engine: { ...engine, ...found.to },
          smallerBatches: found,
          decisions: [...decisions, sentence],
        });
      },
      giveUp: (sentence) => this.update({ status: "paused", reason: sentence }),
    };
  }

  /** A session at the run's starting point. */
  openSession(): Promise<Session> {
    const { settings, engine } = this.current;
    return openTuningSession(this.model, this.loaded.task, this.base, settings, this.start, engine);
  }

  adapterInfo(thresholds: readonly number[] | null): AdapterInfo {
    const { settings, answerRoom, baseModel } = this.current;
    return {
      task: this.loaded.task,
      settings,
      answerRoom,
      thresholds,
      baseModel: { name: baseModel.name, fingerprint: baseModel.fingerprint },
    };
  }
}

/** What `read` makes of a file, null where there is none. */
export async function readIfThere<T>(file: string, read: (file: string) => Promise<T>): Promise<T | null> {
  try {
    await access(file);
  } catch {
    return null;
  }
  return read(file);
}
