import { PlumbError } from "../../errors";
import { shown } from "../problem";
import type { HubEnvironment } from "./environment";
import { say } from "../../say";

/** What a request is about, for messages. */
export interface Subject {
  readonly repo: string;
  readonly revision: string;
  /** File of the repository, where one is asked for. */
  readonly file?: string;
}

/** An answer that is no success, as far as messages need it. */
interface Refusal {
  readonly status: number;
  /** The Hub's own code, e.g. "GatedRepo", or "". */
  readonly code: string;
  /** The Hub's own words, or "". */
  readonly words: string;
}

export function readRefusal(response: Response): Refusal {
  return {
    status: response.status,
    code: response.headers.get("x-error-code") ?? "",
    words: (response.headers.get("x-error-message") ?? "").replace(/[.\s]+$/, ""),
  };
}

/** Why the Hub did not give what was asked for, and what to do. */
export function refusal(
  { status, code, words }: Refusal,
  { repo, revision, file }: Subject,
  { endpoint, token }: HubEnvironment,
): PlumbError {
  const page = `${endpoint}/${repo}`;
  const tokens = `${endpoint}/settings/tokens`;
  const said = words === "" ? "" : `, ${shown(words)}`;
  if (code === "GatedRepo") {
    return new PlumbError(
      "hub-gated",
      token === null
        ? say`${repo} is given to those who accept its terms. Open ${page} in a browser, accept them, make a token at ${tokens}, set HF_TOKEN to it and run the command again.`
        : say`${repo} is given to those who accept its terms, and the account of the token from ${token.from} has not been let in. Open ${page} in a browser, ask for access and run the command again.`,
    );
  }
  if (status === 401 && token !== null) {
    return new PlumbError(
      "hub-token",
      say`${endpoint} does not accept the token from ${token.from} (401${said}). Make a new one at ${tokens}, or remove it: public models need none.`,
    );
  }
  if (code === "RevisionNotFound") {
    return new PlumbError(
      "hub-revision",
      say`${repo} has no revision ${shown(revision)}. Name a branch, a tag or a commit of it behind the "@", or leave that out for the newest.`,
    );
  }
  if (code === "EntryNotFound" && file !== undefined) {
    return new PlumbError(
      "hub-file",
      say`${repo} has no file ${shown(file)} at revision ${shown(revision)}, though it lists one. Run the command again; if that does not help, ${endpoint} is a mirror that is out of step.`,
    );
  }
  if (status === 404 || (status === 401 && token === null)) {
    return new PlumbError(
      "hub-missing",
      say`There is no model ${repo} at ${endpoint}, or it is private. Check the spelling (organisation/name)${token === null ? say`; for a private one set HF_TOKEN` : say`; the token is from ${token.from}`}.`,
    );
  }
  if (status === 403) {
    const next =
      token === null
        ? say`Set HF_TOKEN, if you have access.`
        : say`Check the rights of the token from ${token.from} at ${tokens}.`;
    return new PlumbError("hub-forbidden", say`${endpoint} refuses access to ${repo} (403${said}). ${next}`);
  }
  return new PlumbError(
    "hub-answer",
    say`${endpoint} answered ${status}${said} when asked for ${file ?? say`the files`} of ${repo}. Run the command again later; what is there is kept.`,
  );
}
