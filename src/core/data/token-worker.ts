/** A thread that measures texts in tokens: opens the base model's tokenizer by itself and answers batch after batch. */
import { parentPort, workerData } from "node:worker_threads";
import { openBaseModel } from "../model";
import { countTokens } from "./lengths";
import type { FromTokenWorker, TokenWorkerData } from "./token-threads";

async function main(): Promise<void> {
  const { base, room } = workerData as TokenWorkerData;
  const { tokenizer } = await openBaseModel(base);
  const answer = (message: FromTokenWorker) => parentPort?.postMessage(message);
  parentPort?.on("message", (texts: string[]) => {
    answer(texts.map((text) => countTokens(text, tokenizer, room)));
  });
  answer([]);
}

void main();
