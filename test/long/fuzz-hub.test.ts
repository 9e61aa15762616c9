import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { lstat, mkdir, readdir, readFile, realpath, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { PlumbError } from "../../src/core/errors";
import { isFolderLocked, lockFolder } from "../../src/core/lock";
import { listModels, openBaseModel, resolveBaseModel } from "../../src/core/model";
import { hubPlace } from "../unit/model/hub-place";
import { COMMIT, digestOf, gitSha1, sha256, type Asked } from "../unit/model/hub-server";
import { folderFiles, inTwoParts, tinyFolderPlan } from "../unit/model/tiny-folder";
import { tinyPlan, writeGguf } from "../unit/model/tiny-gguf";
import { fuzz, fuzzSeconds, HANG_MS } from "./fuzz";

/** Stands between pieces that are damaged as one. */
const BETWEEN = "\n=====\n";
const REPO = "someone/tiny";
const OTHER_COMMIT = "b".repeat(40);
/** Nothing here is larger than some kilobytes. */
const MOST_BYTES = 1 << 30;
/** A round opens connections and flushes files, on a machine that may be busy. */
const HANG = 10 * HANG_MS;

describe("the cache of the Hub and its protocol, fuzzed", function () {
  this.timeout((fuzzSeconds + 60) * 1000);
  const place = hubPlace();
  const small = () => {
    assert.ok(process.memoryUsage.rss() < MOST_BYTES, `${process.memoryUsage.rss()} bytes resident`);
  };
  /** Fails with sentences alone. */
  const mayRefuse = async (act: () => Promise<unknown>) => {
    await act().catch((error: unknown) => {
      if (!(error instanceof PlumbError) || error.message.trim() === "") throw error;
    });
  };
  const files = (() => {
    const plan = tinyFolderPlan();
    inTwoParts(plan);
    return folderFiles(plan);
  })();

  it("lists whatever lies where models are looked for, and opens, fetches or refuses each", async () => {
    // A repository that is here already, in other snapshots than the Hub has it.
    place.server.repos.set(REPO, { revisions: { main: COMMIT }, files });
    const seed = Buffer.from(treeSeed(files).join(BETWEEN), "latin1");
    let listed = 0;
    let opened = 0;
    const { rounds } = await fuzz(
      [seed],
      async (input) => {
        await rm(place.root, { recursive: true, force: true });
        await mkdir(place.root);
        await layOut(place.root, Buffer.from(input).toString("latin1").split(BETWEEN));
        const { models } = await listModels();
        listed += models.length;
        for (const { name, broken } of models) {
          assert.ok(name !== "" && broken?.trim() !== "");
          await mayRefuse(async () => {
            await openBaseModel(await resolveBaseModel(name));
            opened++;
          });
        }
        // What is fetched is whole, whatever lay there: only sizes are trusted, of files that have their names.
        await mayRefuse(async () => {
          const { path: folder } = await place.fetch({ repo: REPO });
          for (const [name, content] of Object.entries(files)) {
            assert.equal((await readFile(path.join(folder, name))).length, content.length);
          }
        });
        process.env.HF_HUB_OFFLINE = "1";
        await mayRefuse(() => place.fetch({ repo: REPO }));
        delete process.env.HF_HUB_OFFLINE;
        small();
      },
      HANG,
    );
    assert.ok(rounds > 50 && listed > rounds && opened > 10, `${rounds} rounds, ${listed}, ${opened}`);
  });

  it("takes nothing but right contents from whatever answers, and writes nowhere else", async () => {
    place.server.repos.set(REPO, { revisions: { main: COMMIT }, files });
    const answers = rawAnswers(files, place.server.otherHost);
    const seeds = [answers, answers.map(inChunks)].map((one) => Buffer.from(one.join(BETWEEN), "latin1"));
    let whole = 0;
    const { rounds, refused } = await fuzz(
      seeds,
      async (input) => {
        await rm(place.root, { recursive: true, force: true });
        await mkdir(place.root);
        const damaged = Buffer.from(input).toString("latin1").split(BETWEEN);
        place.server.disturb(/./, onceEach(damaged, [place.server.endpoint, place.server.otherHost]), 1000);
        try {
          const { path: folder } = await place.fetch({ repo: REPO }, { patience: { pause: 1, stall: 1000 } });
          whole++;
          await contentsAreRight(folder);
        } finally {
          place.server.undisturb();
          for (const name of await readdir(place.root)) assert.equal(name, ".cache");
          small();
        }
      },
      HANG,
    );
    assert.ok(
      rounds > 50 && refused > 10 && whole > 10,
      `${rounds} rounds, ${refused} refused, ${whole} whole`,
    );
  });

  it("goes on with whatever part of a download lies there, to the right content", async () => {
    const weights = Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * 7919) % 251));
    const served = { "config.json": files["config.json"]!, "model.safetensors": weights };
    place.server.repos.set(REPO, { revisions: { main: COMMIT }, files: served });
    const blobs = path.join(place.cache, "models--someone--tiny", "blobs");
    await fuzz(
      [weights.subarray(0, 12_000), weights, Buffer.concat([weights, weights])],
      async (input) => {
        await rm(place.root, { recursive: true, force: true });
        await mkdir(blobs, { recursive: true });
        await writeFile(path.join(blobs, `${sha256(weights)}.plumb.incomplete`), input);
        const { path: folder } = await place.fetch({ repo: REPO });
        assert.deepEqual(await readFile(path.join(folder, "model.safetensors")), weights);
      },
      HANG,
    );
  });

  it("takes over or respects any lock", async () => {
    const folder = path.join(place.root, "locked");
    await mkdir(folder, { recursive: true });
    const file = path.join(folder, "lock");
    const release = await lockFolder(folder);
    const living = readFileSync(file);
    await release();
    const dead = Buffer.from(living.toString().replace(/"pid":\d+/, '"pid":4194305'));
    const elsewhere = Buffer.from(living.toString().replace(hostname(), `other-machine-${hostname()}`));
    const past = new Date(Date.now() - 60_000);
    await writeFile(file, elsewhere);
    await assert.rejects(lockFolder(folder), /is in use by process \d+ on other-machine/);
    let taken = 0;
    await fuzz([living, elsewhere, dead, Buffer.from("{}"), Buffer.from("null")], async (input) => {
      await writeFile(file, input);
      // What is half a lock counts while it may still be written.
      await utimes(file, past, past);
      const locked = await isFolderLocked(folder);
      const unlock = await lockFolder(folder).catch((error: unknown) => {
        assert.match(String(error), /is in use by process [1-9]\d* on ./);
        return null;
      });
      assert.equal(unlock === null, locked);
      if (unlock === null) return;
      taken++;
      assert.deepEqual(await readFile(file), living);
      await unlock();
      assert.deepEqual(await readdir(folder), []);
    });
    assert.ok(taken > 50, `${taken} taken`);
  });
});

/** What lies in the folders of each program: `F path`, `D path` or `L path -> target`, and behind the first line the content. */
function treeSeed(files: Readonly<Record<string, Buffer>>): string[] {
  const text = (content: string | Buffer) => Buffer.from(content as string).toString("latin1");
  const hub = ".cache/huggingface/hub";
  const repo = `${hub}/models--someone--tiny`;
  const snapshot = `${repo}/snapshots/${OTHER_COMMIT}`;
  const digest = "c".repeat(64);
  const gguf = headerOf(writeGguf(tinyPlan()));
  const layers = [{ mediaType: "application/vnd.ollama.image.model", digest: `sha256:${digest}` }];
  return [
    ...Object.entries(files).flatMap(([name, content]) => [
      `F ${repo}/blobs/${digestOf(content)}\n${text(content)}`,
      `L ${snapshot}/${name} -> ../../blobs/${digestOf(content)}`,
    ]),
    `F ${repo}/refs/main\n${OTHER_COMMIT}`,
    `F ${repo}/refs/pr/1\n${OTHER_COMMIT}`,
    `F ${repo}/.no_exist/${COMMIT}/added_tokens.json\n`,
    `F ${repo}/blobs/${digestOf(files["config.json"]!)}.incomplete\n{`,
    `F ${hub}/.locks/models--someone--tiny/${digestOf(files["config.json"]!)}.lock\n`,
    `F ${hub}/version.txt\n1`,
    `L ${hub}/models--org--linked/snapshots/${OTHER_COMMIT}/a.gguf -> ../../../../../../plumb/models/a.gguf`,
    `D ${hub}/models--org--empty/snapshots`,
    `F plumb/models/a.gguf\n${text(gguf)}`,
    `F .cache/llama.cpp/org_repo_b.gguf\n${text(gguf.subarray(0, 300))}`,
    `F .lmstudio-home-pointer\nstudio`,
    `F .lmstudio/settings.json\n{"downloadsFolder": ""}`,
    `F .lmstudio/models/publisher/model/d-00001-of-00002.gguf\nGGUF`,
    `F .ollama/models/manifests/registry.ollama.ai/library/e/latest\n${JSON.stringify({ layers })}`,
    `L .ollama/models/blobs/sha256-${digest} -> ../../../plumb/models/a.gguf`,
  ];
}

/** All but the zeros at the end. */
function headerOf(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return bytes.subarray(0, end);
}

/** Makes the files, folders and links of a tree that stay inside; what the system cannot make is left out. */
async function layOut(root: string, entries: readonly string[]): Promise<void> {
  const inside = (place: string) => place.startsWith(root + path.sep);
  for (const entry of entries) {
    const [, kind, rest = ""] = /^([DFL]) ([^\n]*)/.exec(entry) ?? [];
    const [name = "", target = ""] = rest.split(" -> ");
    const place = path.join(root, name);
    if (kind === undefined || !inside(place)) continue;
    try {
      await mkdir(kind === "D" ? place : path.dirname(place), { recursive: true });
      // A link may have led out of here before this one.
      if (!inside(path.join(await realpath(path.dirname(place)), "x"))) continue;
      const content = Buffer.from(entry.slice(entry.indexOf("\n") + 1), "latin1");
      // Values of tensors are not looked at: only what stands before them is damaged.
      const values = name.endsWith(".gguf") ? Buffer.alloc(1 << 17) : Buffer.alloc(0);
      if (kind === "F") await writeFile(place, Buffer.concat([content, values]));
      if (kind === "L" && inside(path.resolve(path.dirname(place), target))) await symlink(target, place);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }
}

/** What the server answers to each request of a fetch, as it stands on the wire. */
function rawAnswers(files: Readonly<Record<string, Buffer>>, otherHost: string): string[] {
  const head = (status: string, headers: Record<string, string | number>) =>
    `HTTP/1.1 ${status}\r\n${Object.entries({ ...headers, connection: "close" })
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("")}\r\n`;
  const json = (value: unknown) => {
    const text = JSON.stringify(value);
    return head("200 OK", { "content-type": "application/json", "content-length": text.length }) + text;
  };
  const entries = Object.entries(files).map(([name, content]) => ({
    type: "file",
    path: name,
    oid: gitSha1(content),
    size: content.length,
  }));
  return [
    json({ sha: COMMIT, private: false, siblings: [] }),
    json(entries),
    ...Object.entries(files).map(([name, content], i) =>
      i === 0
        ? head("302 Found", { location: `${otherHost}/${sha256(content)}/${name}`, "content-length": 0 })
        : head("200 OK", { "content-length": content.length, etag: `"${gitSha1(content)}"` }) +
          content.toString("latin1"),
    ),
  ];
}

/** The same answer with a body in two chunks and no length. */
function inChunks(answer: string): string {
  const [head = "", ...rest] = answer.split("\r\n\r\n");
  const body = rest.join("\r\n\r\n");
  const half = Math.floor(body.length / 2);
  const chunks = [body.slice(0, half), body.slice(half)].filter((one) => one !== "");
  const chunked = chunks.map((one) => `${one.length.toString(16)}\r\n${one}\r\n`).join("");
  return `${head.replace(/content-length: \d+/, "transfer-encoding: chunked")}\r\n\r\n${chunked}0\r\n\r\n`;
}

/** Gives each new path the next damaged answer, and the right one when it is asked for again. No other host is named. */
function onceEach(damaged: readonly string[], hosts: readonly string[]) {
  const seen = new Set<string>();
  return (
    { host, path: asked }: Asked,
    request: { socket: { end(bytes: Buffer): void } },
    _response: unknown,
    next: () => void,
  ) => {
    const answer = damaged[seen.size];
    if (answer === undefined || seen.has(host + asked)) {
      next();
      return;
    }
    seen.add(host + asked);
    const here = answer.replace(/^(location|link):(.*)$/gim, (line, _name, value: string) => {
      const url = /<([^>]+)>/.exec(value)?.[1] ?? value.trim();
      return URL.canParse(url, hosts[0]) && hosts.includes(new URL(url, hosts[0]).origin) ? line : "x: y";
    });
    request.socket.end(Buffer.from(here, "latin1"));
  };
}

/** Every file of a snapshot has the content whose digest its blob is named by. */
async function contentsAreRight(folder: string): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) {
    const place = path.join(folder, name);
    if (!(await lstat(place)).isSymbolicLink()) continue;
    const blob = path.basename(await realpath(place));
    const content = await readFile(place);
    const found =
      blob.length === 64
        ? createHash("sha256").update(content).digest("hex")
        : createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
    assert.equal(found, blob);
  }
}
