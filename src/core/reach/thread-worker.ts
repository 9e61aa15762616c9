/** The thread that says how far the model reads into a text: opens the base model's tokenizer, and no engine. */
import { parentPort, workerData } from "node:worker_threads";
import { openBaseModel, resolveBaseModel } from "../model";
import { baseModelOf, usualLayout } from "../tuning/prepare";
import { leftOut } from "./left-out";
import type { FromReachThread, ReachOf, ToReachThread } from "./protocol";

async function main(): Promise<void> {
  const answer = (message: FromReachThread) => parentPort?.postMessage(message);
  const { task, folder, base, method, answers } = workerData as ReachOf;
  try {
    const named = baseModelOf(task, folder, undefined) ?? base ?? undefined;
    const model = await openBaseModel(await resolveBaseModel(named));
    const wanted = task.method ?? method;
    const answered = answers.map((target, at) => ({ id: String(at), text: "", target }));
    const layout = usualLayout(task, model, answered, wanted === null ? {} : { method: wanted });
    parentPort?.on("message", ({ text }: ToReachThread) => {
      answer({ type: "found", leftOut: leftOut(layout, model.tokenizer, text) });
    });
    answer({ type: "ready", room: layout.textRoom });
  } catch {
    // Whoever starts a run is told what is wrong with the model; here the mark is missing, and no more.
    answer({ type: "failed" });
  }
}

void main();
