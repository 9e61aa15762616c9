/** A small server that speaks the Hub's protocol: descriptions, lists in pages, and files, the large ones from another host. */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ServedRepo {
  /** Branch or tag to commit. */
  readonly revisions: Record<string, string>;
  readonly files: Record<string, Buffer>;
  /** Who is let in: everybody, everybody for the description but nobody without this token for files, or nobody without it at all. */
  readonly access?: { readonly kind: "gated" | "private"; readonly token: string };
}

export interface Asked {
  readonly host: "hub" | "files";
  readonly path: string;
  readonly range: string | null;
  readonly token: string | null;
}

/** What is done to an answer instead of giving it; `next` gives it. */
export type Fault = (
  asked: Asked,
  request: IncomingMessage,
  response: ServerResponse,
  next: () => void,
) => void;

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";
/** Files from this size on are stored by their SHA-256 and served by the other host, as the Hub does with large ones. */
export const LARGE = 10_000;
const PER_PAGE = 3;

export const sha256 = (content: Buffer) => createHash("sha256").update(content).digest("hex");
export const gitSha1 = (content: Buffer) =>
  createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
export const digestOf = (content: Buffer) => (content.length >= LARGE ? sha256 : gitSha1)(content);

export class HubServer {
  readonly repos = new Map<string, ServedRepo>();
  readonly asked: Asked[] = [];
  /** Each answers one request that its filter lets through, in order. */
  private faults: { filter: RegExp; fault: Fault; times: number }[] = [];
  private readonly hub: Server;
  private readonly storage: Server;

  private constructor() {
    this.hub = createServer((request, response) => this.answer("hub", request, response));
    this.storage = createServer((request, response) => this.answer("files", request, response));
  }

  static async start(): Promise<HubServer> {
    const server = new HubServer();
    for (const one of [server.hub, server.storage]) {
      await new Promise<void>((resolve) => one.listen(0, "127.0.0.1", resolve));
    }
    return server;
  }

  async stop(): Promise<void> {
    for (const one of [this.hub, this.storage]) {
      one.closeAllConnections();
      await new Promise((resolve) => one.close(resolve));
    }
  }

  get endpoint(): string {
    return address(this.hub);
  }

  /** Where large files come from. */
  get otherHost(): string {
    return address(this.storage);
  }

  /** The next `times` requests whose path matches are handled by `fault`. */
  disturb(filter: RegExp, fault: Fault, times = 1): void {
    this.faults.push({ filter, fault, times });
  }

  /** Faults that are left are forgotten. */
  undisturb(): void {
    this.faults = [];
  }

  /** Requests for contents of large files, those of one path where it is named. */
  fetches(path = ""): Asked[] {
    return this.asked.filter((one) => one.host === "files" && one.path.includes(path));
  }

  private answer(host: Asked["host"], request: IncomingMessage, response: ServerResponse): void {
    const asked: Asked = {
      host,
      path: decodeURIComponent(request.url ?? ""),
      range: request.headers.range ?? null,
      token: request.headers.authorization?.replace("Bearer ", "") ?? null,
    };
    this.asked.push(asked);
    const next = () => {
      if (host === "hub") this.answerHub(asked, request, response);
      else this.answerFiles(asked, response);
    };
    const found = this.faults.find(({ filter, times }) => times > 0 && filter.test(`${host} ${asked.path}`));
    if (found === undefined) {
      next();
      return;
    }
    found.times--;
    found.fault(asked, request, response, next);
  }

  private answerHub(asked: Asked, request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "", this.endpoint);
    const api = /^\/api\/models\/(.+)\/(revision|tree)\/([^/]+)$/.exec(url.pathname);
    const resolve = /^\/(.+)\/resolve\/([^/]+)\/(.+)$/.exec(url.pathname);
    const name = (api ?? resolve)?.[1] ?? "";
    const repo = this.repos.get(name);
    const isOpen = asked.token === repo?.access?.token || repo?.access === undefined;
    if (repo === undefined || (!isOpen && repo.access.kind === "private")) {
      refuse(
        response,
        asked.token === null ? 401 : 404,
        "RepoNotFound",
        asked.token === null ? "Invalid username or password." : "Repository not found",
      );
      return;
    }
    const revision = decodeURIComponent(api?.[3] ?? resolve?.[2] ?? "");
    const commits = Object.values(repo.revisions);
    const commit = repo.revisions[revision] ?? commits.find((one) => one === revision);
    if (commit === undefined) {
      refuse(response, 404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    } else if (api?.[2] === "revision") {
      json(response, {
        _id: "1",
        id: name,
        modelId: name,
        sha: commit,
        private: false,
        tags: [],
        siblings: [],
      });
    } else if (api !== null) {
      this.list(url, repo, response);
    } else {
      this.resolve(asked, repo, isOpen, commit, decodeURIComponent(resolve?.[3] ?? ""), request, response);
    }
  }

  /** The list of files, in pages. */
  private list(url: URL, repo: ServedRepo, response: ServerResponse): void {
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const entries = [
      { type: "directory", oid: "0".repeat(40), size: 0, path: "folder" },
      ...Object.entries(repo.files).map(([path, content]) => ({
        type: "file",
        oid: gitSha1(content),
        size: content.length,
        path,
        ...(content.length >= LARGE
          ? { lfs: { oid: sha256(content), size: content.length, pointerSize: 130 } }
          : {}),
      })),
    ];
    if (from + PER_PAGE < entries.length) {
      url.searchParams.set("cursor", String(from + PER_PAGE));
      response.setHeader("link", `<${url.href}>; rel="next"`);
    }
    json(response, entries.slice(from, from + PER_PAGE));
  }

  private resolve(
    asked: Asked,
    repo: ServedRepo,
    isOpen: boolean,
    commit: string,
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const content = repo.files[path];
    response.setHeader("x-repo-commit", commit);
    if (!isOpen) {
      refuse(response, asked.token === null ? 401 : 403, "GatedRepo", "Access to this model is restricted.");
    } else if (content === undefined) {
      refuse(response, 404, "EntryNotFound", "Entry not found");
    } else if (content.length >= LARGE) {
      response.setHeader("x-linked-etag", `"${sha256(content)}"`);
      response.setHeader("x-linked-size", content.length);
      response.writeHead(302, { location: `${this.otherHost}/${sha256(content)}/${path}` }).end();
    } else {
      response.setHeader("etag", `"${gitSha1(content)}"`);
      response.writeHead(200, { "content-length": content.length });
      response.end(request.method === "HEAD" ? undefined : content);
    }
  }

  /** The other host: knows contents by hash, serves ranges, and takes no token, as signed addresses do not. */
  private answerFiles(asked: Asked, response: ServerResponse): void {
    const hash = asked.path.split("/")[1];
    const content = [...this.repos.values()]
      .flatMap(({ files }) => Object.values(files))
      .find((one) => sha256(one) === hash);
    if (asked.token !== null || content === undefined) {
      response.writeHead(asked.token !== null ? 400 : 404).end();
      return;
    }
    send(response, content, asked.range);
  }
}

/** Sends a content, or the rest of it that a range asks for. */
export function send(response: ServerResponse, content: Buffer, range: string | null): void {
  const first = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
  const rest = content.subarray(first);
  response.writeHead(range === null ? 200 : 206, {
    "content-length": rest.length,
    ...(range === null ? {} : { "content-range": `bytes ${first}-${content.length - 1}/${content.length}` }),
  });
  response.end(rest);
}

function refuse(response: ServerResponse, status: number, code: string, words: string): void {
  response.writeHead(status, { "x-error-code": code, "x-error-message": words }).end(`{"error":"${words}"}`);
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(value));
}

function address(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
