import { setTimeout as wait } from "node:timers/promises";
import { PlumbError } from "../../errors";
import { version } from "../../version";
import { parseJson } from "../json";
import type { HubEnvironment } from "./environment";
import { readRefusal, refusal, type Subject } from "./refusal";
import { say } from "../../say";

/** Times of waiting; tests shorten them. */
export interface HubPatience {
  /** Milliseconds before the first new try; each further one waits twice as long. */
  readonly pause: number;
  /** Milliseconds without a byte after which a connection counts as broken. */
  readonly stall: number;
}

export const PATIENCE: HubPatience = { pause: 1000, stall: 30_000 };
/** Tries without a byte of progress. */
const TRIES = 5;
/** Longest wait that the Hub may ask for, in seconds. */
const LONGEST_WAIT = 300;
/** A list of files or a description of a model is never longer. */
const LONGEST_JSON = 1 << 25;

/** What may go well at the next try. `wait`: seconds that the other side asks for, or null. */
class Transient extends Error {
  constructor(
    readonly final: PlumbError,
    readonly wait: number | null = null,
  ) {
    super(final.message, { cause: final });
  }
}

/** Counts tries that brought nothing. */
export class Tries {
  private failed = 0;

  constructor(
    private readonly patience: HubPatience,
    private readonly say: (line: string) => void,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** Something came: the next failure is the first again. */
  progress(): void {
    this.failed = 0;
  }

  /** Waits before the next try. @throws the error itself where no further try would help. */
  async after(error: unknown): Promise<void> {
    if (!(error instanceof Transient)) throw error;
    if (++this.failed >= TRIES) throw error.final;
    if (error.wait !== null && error.wait > LONGEST_WAIT) throw error.final;
    const pause = error.wait === null ? this.patience.pause * 2 ** (this.failed - 1) : error.wait * 1000;
    if (pause >= 2000)
      this.say(
        say`${error.final.message.split(". ", 1).join("")}: trying again in ${Math.round(pause / 1000)} s.`,
      );
    await wait(pause, undefined, { signal: this.signal });
  }
}

/** An answer whose body is still to be read. */
export interface HubAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** The body as it comes. Throws what `Tries.after` understands where the connection breaks. */
  chunks(): AsyncGenerator<Uint8Array>;
  /** Lets go of a body that nobody wants to read. */
  drop(): void;
}

/** Asks the Hub. Nothing else in Plumb touches the network but pip, where the default model is fetched through it. */
export class HubClient {
  constructor(
    readonly environment: HubEnvironment,
    private readonly patience: HubPatience,
    private readonly say: (line: string) => void,
    /** Calls off what is under way, and what would come after. */
    private readonly signal?: AbortSignal,
  ) {}

  tries(): Tries {
    return new Tries(this.patience, this.say, this.signal);
  }

  /** One request, redirects followed. The token goes to the Hub alone, not to where it redirects. */
  async request(
    url: string,
    subject: Subject,
    wanted: Readonly<Record<string, string>> = {},
  ): Promise<HubAnswer> {
    const { endpoint, token } = this.environment;
    const own = new URL(url).origin === new URL(endpoint).origin;
    const headers = {
      "user-agent": `plumb/${version}`,
      // Sizes and ranges count the bytes of the file, not of a compressed form.
      "accept-encoding": "identity",
      ...(token !== null && own ? { authorization: `Bearer ${token.value}` } : {}),
      ...wanted,
    };
    const controller = new AbortController();
    const stop = () => controller.abort();
    if (this.signal?.aborted === true) stop();
    this.signal?.addEventListener("abort", stop, { once: true });
    const guard = new StallGuard(controller, this.patience.stall);
    let response: Response;
    try {
      response = await fetch(url, { headers, signal: controller.signal });
    } catch (error) {
      this.signal?.removeEventListener("abort", stop);
      throw this.unreachable(error, guard);
    } finally {
      guard.rest();
    }
    const drop = () => {
      this.signal?.removeEventListener("abort", stop);
      controller.abort();
    };
    if (endpoint.startsWith("https:") && !response.url.startsWith("https:")) {
      drop();
      throw new PlumbError(
        "hub-insecure",
        say`${endpoint} redirects to ${response.url.split("?", 1).join("")}, which is not encrypted. Use another mirror in HF_ENDPOINT, or none.`,
      );
    }
    if (!response.ok) {
      drop();
      throw this.refused(response, subject);
    }
    const { body } = response;
    const broken = (error: unknown) => this.unreachable(error, guard);
    return {
      status: response.status,
      headers: response.headers,
      drop,
      async *chunks() {
        if (body === null) return;
        const reader = body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
        try {
          for (;;) {
            guard.watch();
            const { done, value } = await reader.read();
            guard.rest();
            if (done) return;
            yield value;
          }
        } catch (error) {
          throw broken(error);
        } finally {
          guard.rest();
          drop();
        }
      },
    };
  }

  /** A JSON answer, and the address of the next page where there is one. */
  async json(url: string, subject: Subject): Promise<{ value: unknown; next: string | null }> {
    const tries = this.tries();
    for (;;) {
      try {
        const answer = await this.request(url, subject, { accept: "application/json" });
        const chunks: Uint8Array[] = [];
        let length = 0;
        for await (const chunk of answer.chunks()) {
          length += chunk.length;
          if (length > LONGEST_JSON) throw this.unexpected(say`more than 32 MB`);
          chunks.push(chunk);
        }
        return {
          value: this.parsed(Buffer.concat(chunks), answer.headers),
          next: nextPage(answer.headers, url),
        };
      } catch (error) {
        await tries.after(error);
      }
    }
  }

  /** An answer that is not the Hub's. */
  unexpected(found: string): PlumbError {
    return new PlumbError(
      "hub-answer",
      say`${this.environment.endpoint} does not answer as the Hugging Face Hub does: it sent ${found}. Check HF_ENDPOINT, and whether the network wants you to log in first.`,
    );
  }

  /** @param detail A clause without a full stop. */
  broken(detail: string): Error {
    return new Transient(
      new PlumbError(
        "hub-unreachable",
        say`The connection to ${this.environment.endpoint} broke (${detail}). Run the same command again: it goes on where it stopped.`,
      ),
    );
  }

  private parsed(bytes: Uint8Array, headers: Headers): unknown {
    try {
      return parseJson(bytes, this.environment.endpoint, say`the answer`);
    } catch {
      throw this.unexpected(headers.get("content-type") ?? say`no JSON`);
    }
  }

  private refused(response: Response, subject: Subject): Error {
    const { environment } = this;
    const found = readRefusal(response);
    const { status } = found;
    if (status === 429) {
      const wait = askedWait(response.headers);
      const when = wait === null ? say`in some minutes` : say`in ${Math.ceil(wait / 60)} min`;
      const more = environment.token === null ? say` With a token in HF_TOKEN it allows more.` : "";
      const problem = new PlumbError(
        "hub-busy",
        say`${environment.endpoint} asks to slow down (429). Run the same command again ${when}: it goes on where it stopped.${more}`,
      );
      return new Transient(problem, wait);
    }
    const problem = refusal(found, subject, environment);
    return status === 408 || status >= 500 ? new Transient(problem, askedWait(response.headers)) : problem;
  }

  private unreachable(error: unknown, guard: StallGuard): Error {
    if (error instanceof PlumbError || error instanceof Transient) return error;
    if (this.signal?.aborted === true) return new PlumbError("interrupted", "Stopped.", { cause: error });
    const { endpoint } = this.environment;
    if (guard.stalled) return this.broken(say`nothing came for ${this.patience.stall / 1000} s`);
    // What fetch throws says "fetch failed"; the reason is its cause.
    let reason = error as NodeJS.ErrnoException;
    while (reason.cause instanceof Error) reason = reason.cause;
    const { code = "", message } = reason;
    if (code === "ENOTFOUND") {
      return new PlumbError(
        "hub-unreachable",
        say`There is no host ${new URL(endpoint).hostname}, or no network. Check both${proxyHint()}; a mirror can be named in HF_ENDPOINT.`,
      );
    }
    if (/CERT|SIGNATURE|ALTNAME/.test(code)) {
      return new PlumbError(
        "hub-unreachable",
        say`The certificate of ${endpoint} is not accepted (${code}). Where a company's proxy signs it, name the company's certificate in NODE_EXTRA_CA_CERTS.`,
      );
    }
    if (message.includes("redirect")) return this.unexpected(say`redirects without end`);
    const what = code || message;
    return code === "ECONNREFUSED" || code === "UND_ERR_CONNECT_TIMEOUT"
      ? new Transient(
          new PlumbError(
            "hub-unreachable",
            say`${endpoint} cannot be reached (${what}). Check the network${proxyHint()}, or name a mirror in HF_ENDPOINT.`,
          ),
        )
      : this.broken(what);
  }
}

/** Ends a request where nothing comes for too long. */
class StallGuard {
  stalled = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly controller: AbortController,
    private readonly stall: number,
  ) {
    this.watch();
  }

  watch(): void {
    this.rest();
    this.timer = setTimeout(() => {
      this.stalled = true;
      this.controller.abort();
    }, this.stall);
  }

  rest(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}

/** Seconds that the other side asks to wait: `Retry-After` in seconds or as a date, or the Hub's `RateLimit: "api";r=0;t=55`. */
function askedWait(headers: Headers): number | null {
  const after = headers.get("retry-after");
  if (after !== null) {
    if (/^\d+$/.test(after)) return Number(after);
    const date = Date.parse(after);
    if (!Number.isNaN(date)) return Math.max(0, (date - Date.now()) / 1000);
  }
  const reset = /\bt=(\d+)/.exec(headers.get("ratelimit") ?? "")?.[1];
  return reset === undefined ? null : Number(reset);
}

/** Address of the next page of a list: `Link: <...>; rel="next"`. */
function nextPage(headers: Headers, url: string): string | null {
  const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(headers.get("link") ?? "")?.[1];
  return next === undefined ? null : new URL(next, url).href;
}

/** fetch of older versions of Node.js goes past a proxy without a word. */
function proxyHint(): string {
  const set = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"].find(
    (name) => (process.env[name] ?? "") !== "",
  );
  return set === undefined || process.env.NODE_USE_ENV_PROXY === "1"
    ? ""
    : say` (${set} is set; Node.js 24 uses it with NODE_USE_ENV_PROXY=1, older versions do not)`;
}
