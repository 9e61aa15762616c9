import { PlumbError } from "../../errors";
import { inQuotes, say } from "../../say";

/** A repository of the Hub, at a revision (branch, tag or commit). */
export interface RepoName {
  /** `organisation/name`, or `name` alone for the few that have no organisation. */
  readonly repo: string;
  /** null where none was named: the newest on the main branch. */
  readonly revision: string | null;
}

/** Revision that stands for the newest. */
export const MAIN = "main";
export const COMMIT = /^[0-9a-f]{40}$/;
const PART = String.raw`[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?`;
const REPO = new RegExp(`^(?:${PART}/)?${PART}$`);
const REVISION = /^[\w][\w.+-]*(?:\/[\w][\w.+-]*)*$/;
const ADDRESS = /^https?:\/\/[^/]+\/([^/?#]+\/[^/?#]+)/;

/** Whether a text could name a repository, by the Hub's rules for names. */
export function isRepo(text: string): boolean {
  return REPO.test(text) && !/--|\.\.|\.git$/.test(text);
}

/** Reads `organisation/name` or `organisation/name@revision`. @throws PlumbError that says what such a name looks like. */
export function parseRepoName(text: string): RepoName {
  const address = ADDRESS.exec(text)?.[1];
  if (address !== undefined) {
    throw new PlumbError(
      "hub-name",
      say`${inQuotes(text)} is an address. Name the repository alone: ${address}`,
    );
  }
  const at = text.indexOf("@");
  const repo = at < 0 ? text : text.slice(0, at);
  const revision = at < 0 ? null : text.slice(at + 1);
  if (!isRepo(repo)) {
    throw new PlumbError(
      "hub-name",
      say`${inQuotes(repo)} is no name of a repository on the Hugging Face Hub. Expected organisation/name, such as HuggingFaceTB/SmolLM2-360M: letters, digits, "-", "_" and "."`,
    );
  }
  if (revision !== null && (!REVISION.test(revision) || revision.includes("..") || revision.length > 200)) {
    throw new PlumbError(
      "hub-name",
      say`${inQuotes(revision)} behind the "@" is no revision. Name a branch, a tag or a commit, or leave it out for the newest.`,
    );
  }
  return { repo, revision };
}
