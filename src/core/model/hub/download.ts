import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rm, truncate, type FileHandle } from "node:fs/promises";
import { PlumbError } from "../../errors";
import { replace } from "../../files";
import type { HubAnswer, HubClient } from "./client";
import type { HubFile } from "./listing";
import { say } from "../../say";

/** What is being fetched; a later run goes on with it. */
export const partOf = (blob: string) => `${blob}.plumb.incomplete`;

/**
 * Fetches one file and gives it its name only when its size and its hash are right. What was fetched before a break, of this
 * run or of an earlier one, is kept and continued.
 * @param blob Where it goes.
 * @param came Told each number of bytes that are there in addition, and whether they came from the Hub just now; the number
 * is below 0 where some were thrown away.
 */
export async function download(
  client: HubClient,
  place: { readonly repo: string; readonly commit: string; readonly file: HubFile; readonly blob: string },
  came: (bytes: number, fresh: boolean) => void,
): Promise<void> {
  const part = partOf(place.blob);
  const handle = await open(part, "a+");
  try {
    await new Download(client, place, part, handle, came).run();
    await handle.sync();
  } finally {
    await handle.close();
  }
  await replace(part, place.blob);
}

class Download {
  private length = 0;
  private hash: Hash;
  /** Some of it came before this run. */
  private resumed = false;

  constructor(
    private readonly client: HubClient,
    private readonly place: Parameters<typeof download>[1],
    private readonly part: string,
    private readonly handle: FileHandle,
    private readonly came: (bytes: number, fresh: boolean) => void,
  ) {
    this.hash = this.newHash();
  }

  async run(): Promise<void> {
    await this.takeUp();
    await this.fetchRest();
    if (this.isRight()) return;
    if (this.resumed) {
      // What lay there may have been spoilt since; what the Hub sends now is not.
      this.resumed = false;
      await this.startAnew();
      await this.fetchRest();
      if (this.isRight()) return;
    }
    await rm(this.part, { force: true });
    throw new PlumbError(
      "hub-checksum",
      say`${this.named()} came from ${this.client.environment.endpoint} with other content than it should have (its hash differs), and was thrown away. Run the command again; if that does not help, something between here and there changes files.`,
    );
  }

  private named(): string {
    return say`${this.place.file.path} of ${this.place.repo}`;
  }

  /** SHA-256 of the content, or what git calls the SHA-1 of a blob: its length in front. */
  private newHash(): Hash {
    const { digest, size } = this.place.file;
    return digest.length === 64 ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
  }

  private isRight(): boolean {
    return this.hash.digest("hex") === this.place.file.digest;
  }

  private async takeUp(): Promise<void> {
    const { size } = await this.handle.stat();
    if (size > this.place.file.size) await this.startAnew();
    else if (size > 0) {
      this.resumed = true;
      for await (const chunk of createReadStream(this.part, { end: size - 1, highWaterMark: 1 << 20 })) {
        this.hash.update(chunk as Buffer);
        this.length += (chunk as Buffer).length;
      }
      this.came(this.length, false);
    }
  }

  private async startAnew(): Promise<void> {
    // By its name: Windows does not let a file be cut that was opened to append to it.
    await truncate(this.part, 0);
    this.came(-this.length, false);
    this.length = 0;
    this.hash = this.newHash();
  }

  private async fetchRest(): Promise<void> {
    const { repo, commit, file } = this.place;
    const { endpoint } = this.client.environment;
    const url = `${endpoint}/${repo}/resolve/${commit}/${file.path.split("/").map(encodeURIComponent).join("/")}`;
    const subject = { repo, revision: commit, file: file.path };
    const tries = this.client.tries();
    while (this.length < file.size) {
      try {
        const range: Record<string, string> = this.length > 0 ? { range: `bytes=${this.length}-` } : {};
        const answer = await this.client.request(url, subject, range);
        await this.checkAnswer(answer);
        for await (const chunk of answer.chunks()) {
          tries.progress();
          if (this.length + chunk.length > file.size) throw await this.otherSize("more");
          await this.handle.writeFile(chunk);
          this.hash.update(chunk);
          this.length += chunk.length;
          this.came(chunk.length, true);
        }
        if (this.length < file.size) throw this.client.broken(say`it ended early, in ${file.path}`);
      } catch (error) {
        await tries.after(error);
      }
    }
  }

  /** Whether the body begins where ours ends, and the whole is as long as listed. */
  private async checkAnswer(answer: HubAnswer): Promise<void> {
    const { size } = this.place.file;
    if (answer.status !== 206) {
      // The range was not heeded: everything comes again.
      if (this.length > 0) await this.startAnew();
      const length = answer.headers.get("content-length");
      if (length !== null && Number(length) !== size && !answer.headers.has("content-encoding")) {
        answer.drop();
        throw await this.otherSize(length);
      }
      return;
    }
    const range = answer.headers.get("content-range") ?? "";
    const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range) ?? [];
    if (Number(first) !== this.length || answer.headers.has("content-encoding")) {
      answer.drop();
      throw this.client.unexpected(
        say`another part of ${this.place.file.path} than was asked for (${range})`,
      );
    }
    if (total !== "*" && Number(total) !== size) {
      answer.drop();
      throw await this.otherSize(total ?? "unknown");
    }
  }

  private async otherSize(found: string): Promise<PlumbError> {
    await rm(this.part, { force: true });
    return new PlumbError(
      "hub-size",
      say`${this.named()} should have ${this.place.file.size} bytes, and ${found} came; it was thrown away. Run the command again; if that does not help, ${this.client.environment.endpoint} is out of step or something between here and there changes files.`,
    );
  }
}
