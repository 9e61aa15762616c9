import { stat, statfs } from "node:fs/promises";
import path from "node:path";
import { PlumbError } from "../../errors";
import { HubClient, type HubPatience } from "../hub/client";
import { download, partOf } from "../hub/download";
import { hubEnvironment } from "../hub/environment";
import type { FetchListener } from "../listener";
import type { WantedModel } from "./model";
import { diskFull } from "./trouble";
import { say } from "../../say";

/** Left free on the disk besides what is fetched. */
const SPARE = 16e6;

/**
 * Fetches the file from the Hub, by the repository's name, the commit and the hash that are known: the Hub's own list is not
 * asked. A broken or stopped download goes on from its last byte.
 */
export async function fetchFromHub(
  model: WantedModel,
  file: string,
  tools: {
    readonly listener: FetchListener;
    readonly signal: AbortSignal;
    readonly patience: HubPatience;
  },
): Promise<void> {
  const { listener, signal, patience } = tools;
  const { repo, revision } = model.hub;
  const environment = hubEnvironment();
  if (environment.offline !== null) {
    throw new PlumbError(
      "hub-offline",
      say`${environment.offline} is set, so nothing is fetched from the Hugging Face Hub. Unset it, or give the file: plumb models get --from FILE.`,
    );
  }
  const folder = path.dirname(file);
  const begun = await stat(partOf(file)).then(
    ({ size }) => Math.min(size, model.bytes),
    () => 0,
  );
  const { bavail, bsize } = await statfs(folder);
  const needed = model.bytes - begun + SPARE;
  if (bavail * bsize < needed) {
    throw diskFull(folder, say`${Math.floor((bavail * bsize) / 1e6)} MB are free`, needed);
  }
  listener.say(say`Fetching ${model.file} of ${repo} from ${environment.endpoint}.`);
  const client = new HubClient(environment, patience, (line) => listener.say(line), signal);
  let [done, fetched] = [0, 0];
  await download(
    client,
    {
      repo,
      commit: revision,
      file: { path: model.file, size: model.bytes, digest: model.sha256 },
      blob: file,
    },
    (bytes, fresh) => {
      done += bytes;
      if (fresh) fetched += bytes;
      listener.progress({ file: model.file, done, total: model.bytes, fetched });
    },
  );
}
