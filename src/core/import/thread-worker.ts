/** The thread in which files are read for a new task, so that whoever shows what comes of it never waits. */
import { parentPort } from "node:worker_threads";
import { PlumbError } from "../errors";
import { speakAsAsked } from "../language";
import { listModels, resolveBaseModel, type FoundModel } from "../model";
import { DEFAULT_MODEL } from "../model/default/model";
import { sentenceOf } from "../system-error";
import { inspect } from "./inspect";
import type { FromImportThread, ImportRequest, ImportRequests, ToImportThread } from "./thread-protocol";
import type { ReadHooks } from "./types";
import { freeBase, prepareTask, surveyTask, writePrepared } from "./write";

speakAsAsked();

const isUsable = ({ broken, unsupported }: FoundModel) => broken === null && unsupported === null;

type Handlers = {
  [K in ImportRequest]: (
    ask: ImportRequests[K]["ask"],
    hooks: ReadHooks,
  ) => Promise<ImportRequests[K]["reply"]>;
};

const handlers: Handlers = {
  inspect: async ({ file, read }, hooks) => ({
    found: await inspect(file, read, hooks),
    free: await freeBase(file),
  }),
  survey: ({ file, task }, hooks) => surveyTask(file, task, hooks),
  write: async ({ file, task, seen }, hooks) => {
    const prepared = await prepareTask(file, task, hooks);
    const { problems, problemCount, taskFile, counts } = prepared;
    if (problemCount > seen) return { written: false, problems, problemCount };
    await writePrepared(prepared, hooks);
    return { written: true, taskFile, counts };
  },
  models: async ({ base }) => {
    const { models } = await listModels();
    const place = await resolveBaseModel(base ?? undefined).catch(() => null);
    const found = models.find((model) => model.path === place);
    return {
      defaultName: base ?? DEFAULT_MODEL.name,
      defaultHere: place !== null && (found === undefined || isUsable(found)),
      models: models.filter(isUsable).map((model) => ({ ...model, isDefault: model === found })),
    };
  },
};

const running = new Map<number, AbortController>();
const answer = (message: FromImportThread) => parentPort?.postMessage(message);

async function carryOut(message: Exclude<ToImportThread, { request: "stop" }>): Promise<void> {
  const { id, request, ask } = message;
  const stop = new AbortController();
  running.set(id, stop);
  const hooks: ReadHooks = {
    signal: stop.signal,
    onProgress: (progress) => answer({ id, type: "progress", progress }),
  };
  try {
    const handle = handlers[request] as (ask: unknown, hooks: ReadHooks) => Promise<unknown>;
    answer({ id, type: "done", reply: await handle(ask, hooks) });
  } catch (error) {
    const code = error instanceof PlumbError ? error.code : null;
    answer({ id, type: "failed", code, message: sentenceOf(error) });
  } finally {
    running.delete(id);
  }
}

parentPort?.on("message", (message: ToImportThread) => {
  if (message.request === "stop") running.get(message.id)?.abort();
  else void carryOut(message);
});
