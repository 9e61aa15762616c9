import * as z from "zod";
import type { HubClient } from "./client";
import { COMMIT } from "./names";
import { say } from "../../say";

/** A file of a repository at a commit. */
export interface HubFile {
  /** With `/` between its parts, never absolute, never upwards. */
  readonly path: string;
  readonly size: number;
  /** Name of the file's content in the cache: SHA-256 of large files, git's own SHA-1 of others. */
  readonly digest: string;
}

export interface Listing {
  readonly commit: string;
  readonly files: readonly HubFile[];
}

/** No model has so many; a list that goes on is not the Hub's. */
const MOST_PAGES = 100;

const Info = z.object({ sha: z.string().regex(COMMIT) });
const size = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const File = z.object({
  path: z.string(),
  size,
  oid: z.string().regex(COMMIT),
  lfs: z.object({ oid: z.string().regex(/^[0-9a-f]{64}$/), size }).optional(),
});
const Page = z.array(z.looseObject({ type: z.string() }));

/** Which commit a revision is at, and the files there. @throws PlumbError where the Hub does not give them. */
export async function listRepo(client: HubClient, repo: string, revision: string): Promise<Listing> {
  const subject = { repo, revision };
  const { endpoint } = client.environment;
  const api = `${endpoint}/api/models/${repo}`;
  const info = Info.safeParse(
    (await client.json(`${api}/revision/${encodeURIComponent(revision)}`, subject)).value,
  );
  if (!info.success) throw client.unexpected(say`a description of the model that names no commit`);
  const commit = info.data.sha;
  const files: HubFile[] = [];
  let url: string | null = `${api}/tree/${commit}?recursive=true&expand=false`;
  for (let pages = 0; url !== null; pages++) {
    if (pages === MOST_PAGES) throw client.unexpected(say`a list of files of more than ${MOST_PAGES} pages`);
    const answer = await client.json(url, subject);
    const page = Page.safeParse(answer.value);
    if (!page.success) throw client.unexpected(say`a list of files that is none`);
    for (const entry of page.data) {
      if (entry.type !== "file") continue;
      const file = File.safeParse(entry);
      if (!file.success) {
        throw client.unexpected(say`a list of files in which a file has no size or no proper hash`);
      }
      const { path, size: bytes, oid, lfs } = file.data;
      if (isInside(path)) files.push({ path, size: lfs?.size ?? bytes, digest: lfs?.oid ?? oid });
    }
    url = answer.next;
  }
  return { commit, files };
}

/** Whether a path stays inside its folder, on any system. */
function isInside(path: string): boolean {
  return (
    !/[\\:\p{Cc}]/u.test(path) &&
    path.split("/").every((part) => part !== "" && part !== "." && part !== "..")
  );
}
