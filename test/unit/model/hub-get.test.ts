import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, symlink, truncate, unlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { listModels, openBaseModel, resolveBaseModel } from "../../../src/core/model";
import { parseRepoName } from "../../../src/core/model/hub/names";
import { hubPlace } from "./hub-place";
import { COMMIT, digestOf, HubServer, send, sha256, type Fault } from "./hub-server";
import { inTwoParts, tinyFolderPlan, folderFiles } from "./tiny-folder";

const REPO = "someone/tiny";
const FOLDER = "models--someone--tiny";
const CONFIG = Buffer.from(JSON.stringify(tinyFolderPlan().config));
const WEIGHTS = randomBytes(1_000_000);
const WEIGHTS_NAME = "model.safetensors";

describe("fetching from the Hub", function () {
  this.timeout(120_000);
  const place = hubPlace();
  const serve = (files: Record<string, Buffer>, more: object = {}) =>
    place.server.repos.set(REPO, { revisions: { main: COMMIT }, files, ...more });
  const snapshot = () => path.join(place.cache, FOLDER, "snapshots", COMMIT);
  const blob = (content: Buffer) => path.join(place.cache, FOLDER, "blobs", digestOf(content));
  const part = () => `${blob(WEIGHTS)}.plumb.incomplete`;
  const refuses = async (message: RegExp, wish: { revision?: string; file?: string } = {}) => {
    await assert.rejects(place.fetch({ repo: REPO, ...wish }), { name: "PlumbError", message });
  };
  const isWhole = async () => {
    assert.deepEqual(await readFile(path.join(snapshot(), WEIGHTS_NAME)), WEIGHTS);
    assert.deepEqual(await readFile(blob(WEIGHTS)), WEIGHTS);
  };
  const breakAfter =
    (bytes: number): Fault =>
    (asked, _request, response) => {
      const first = Number(/\d+/.exec(asked.range ?? "0")?.[0]);
      response.writeHead(asked.range === null ? 200 : 206, {
        "content-length": WEIGHTS.length - first,
        ...(asked.range === null
          ? {}
          : { "content-range": `bytes ${first}-${WEIGHTS.length - 1}/${WEIGHTS.length}` }),
      });
      response.write(WEIGHTS.subarray(first, first + bytes), () => response.destroy());
    };
  beforeEach(() => serve({ "config.json": CONFIG, [WEIGHTS_NAME]: WEIGHTS }));

  it("brings a model that opens under the repository's name, and asks for nothing that it does not need", async () => {
    const plan = tinyFolderPlan();
    inTwoParts(plan);
    const files = folderFiles(plan);
    const needed = Object.keys(files);
    serve({
      ...files,
      "README.md": Buffer.from("---\nlicense: mit\n---\n"),
      "pytorch_model.bin": randomBytes(20_000),
      "model-00003-of-00003.safetensors": randomBytes(20_000),
      "onnx/model.onnx": randomBytes(20_000),
      "vocab.json": Buffer.from("{}"),
      "../../escape": Buffer.from("x"),
    });
    const { path: folder, name } = await place.fetch({ repo: REPO });
    assert.deepEqual([folder, name], [snapshot(), REPO]);
    const asked = place.server.asked.map((one) => /\/resolve\/[^/]+\/(.*)/.exec(one.path)?.[1]);
    assert.deepEqual(asked.filter((file) => file !== undefined).sort(), [...needed, "README.md"].sort());
    const opened = await openBaseModel(await resolveBaseModel(REPO));
    assert.deepEqual([opened.name, opened.path, opened.license], [REPO, snapshot(), "mit"]);
  });

  it("lays files out as Hugging Face's own tools do", async () => {
    const tokenizer = Buffer.from("{}");
    serve({ "config.json": CONFIG, "tokenizer.json": tokenizer, [WEIGHTS_NAME]: WEIGHTS });
    await place.fetch({ repo: REPO });
    const link = (content: Buffer) => `../../blobs/${digestOf(content)}`;
    assert.deepEqual(await place.holds(FOLDER), {
      [`blobs/${digestOf(CONFIG)}`]: "",
      [`blobs/${digestOf(tokenizer)}`]: "",
      [`blobs/${sha256(WEIGHTS)}`]: "",
      "refs/main": "",
      [`snapshots/${COMMIT}/config.json`]: link(CONFIG),
      [`snapshots/${COMMIT}/tokenizer.json`]: link(tokenizer),
      [`snapshots/${COMMIT}/${WEIGHTS_NAME}`]: link(WEIGHTS),
    });
    assert.equal(await readFile(path.join(place.cache, FOLDER, "refs", "main"), "utf8"), COMMIT);
  });

  it("puts the files themselves where no links can be made, as on Windows, and never takes them from another snapshot", async () => {
    const other = "d".repeat(40);
    const noLinks = () => Promise.reject(Object.assign(new Error("EPERM"), { code: "EPERM" }));
    await place.fetch({ repo: REPO });
    const larger = Buffer.from(JSON.stringify({ ...tinyFolderPlan().config, more: 1 }));
    serve({ "config.json": larger, [WEIGHTS_NAME]: WEIGHTS });
    place.server.repos.get(REPO)!.revisions.main = other;
    const { path: folder } = await place.fetch({ repo: REPO }, { symlink: noLinks });
    assert.deepEqual(await place.holds(FOLDER), {
      [`blobs/${digestOf(CONFIG)}`]: "",
      [`blobs/${sha256(WEIGHTS)}`]: "",
      "refs/main": "",
      [`snapshots/${COMMIT}/config.json`]: `../../blobs/${digestOf(CONFIG)}`,
      [`snapshots/${COMMIT}/${WEIGHTS_NAME}`]: `../../blobs/${sha256(WEIGHTS)}`,
      [`snapshots/${other}/config.json`]: "",
      [`snapshots/${other}/${WEIGHTS_NAME}`]: "",
    });
    assert.deepEqual(await readFile(path.join(folder, "config.json")), larger);
    assert.deepEqual(await readFile(path.join(folder, WEIGHTS_NAME)), WEIGHTS);
    await isWhole();
    const fetched = place.server.asked.length;
    await place.fetch({ repo: REPO }, { symlink: noLinks });
    assert.ok(place.server.asked.slice(fetched).every(({ path: asked }) => !asked.includes("/resolve/")));
    assert.deepEqual(
      (await listModels()).models.filter(({ name }) => name === REPO).map(({ broken }) => broken),
      [null],
    );
  });

  it("fetches nothing twice", async () => {
    await place.fetch({ repo: REPO });
    const files = place.server.asked.filter(({ path: one }) => one.includes("/resolve/")).length;
    await place.fetch({ repo: REPO });
    assert.equal(place.server.asked.filter(({ path: one }) => one.includes("/resolve/")).length, files);
    await isWhole();
  });

  it("takes a revision, whatever characters it has, and leaves main alone", async () => {
    serve(
      { "config.json": CONFIG, [WEIGHTS_NAME]: WEIGHTS },
      { revisions: { main: "f".repeat(40), "refs/pr/1": COMMIT } },
    );
    const { name } = await place.fetch({ repo: REPO, revision: "refs/pr/1" });
    assert.equal(name, `${REPO}@refs/pr/1`);
    assert.equal(await resolveBaseModel(name), snapshot());
    const refs = path.join(place.cache, FOLDER, "refs");
    assert.equal(await readFile(path.join(refs, "refs", "pr", "1"), "utf8"), COMMIT);
    await assert.rejects(readFile(path.join(refs, "main")), { code: "ENOENT" });
    // A commit needs no file that says where it is.
    await place.fetch({ repo: REPO, revision: COMMIT });
    assert.equal(await resolveBaseModel(`${REPO}@${COMMIT}`), snapshot());
    await refuses(/someone\/tiny has no revision "v9"\. Name a branch/, { revision: "v9" });
  });

  it("names the old snapshot until the new one is whole", async () => {
    await place.fetch({ repo: REPO });
    const next = "a".repeat(40);
    serve({ "config.json": CONFIG, [WEIGHTS_NAME]: randomBytes(500_000) }, { revisions: { main: next } });
    place.server.disturb(/^files/, (_asked, _request, response) => response.writeHead(403).end());
    await refuses(/refuses access/);
    assert.equal(await resolveBaseModel(REPO), snapshot());
    await place.fetch({ repo: REPO });
    assert.match(await resolveBaseModel(REPO), /a{40}$/);
    assert.equal(await resolveBaseModel(`${REPO}@${COMMIT.slice(0, 12)}`), snapshot());
  });

  describe("goes on where it stopped", () => {
    it("when connections break, with what came before", async () => {
      place.server.disturb(/^files/, breakAfter(300_000), 3);
      await place.fetch({ repo: REPO });
      await isWhole();
      const ranges = place.server.fetches().map(({ range }) => Number(/\d+/.exec(range ?? "0")?.[0]));
      assert.equal(ranges.length, 4);
      assert.ok(
        ranges.every((first, index) => index === 0 || first > (ranges[index - 1] ?? 0)),
        String(ranges),
      );
      assert.equal(place.steps.at(-1)?.done, WEIGHTS.length);
      assert.equal(place.steps.at(-1)?.total, WEIGHTS.length);
    });

    it("however often they break, as long as something comes", async () => {
      place.server.disturb(/^files/, breakAfter(70_000), 14);
      await place.fetch({ repo: REPO });
      await isWhole();
    });

    it("in a later run, and counts only what that run fetched", async () => {
      place.server.disturb(/^files/, breakAfter(400_000));
      place.server.disturb(/^files/, (_asked, _request, response) => response.destroy(), 5);
      await refuses(/connection to http.* broke \(.*\)\. Run the same command again: it goes on/);
      // The system may drop the last bytes of a connection that is torn down.
      const kept = await readFile(part());
      assert.ok(kept.length > 0 && kept.equals(WEIGHTS.subarray(0, kept.length)));
      await place.fetch({ repo: REPO });
      assert.equal(place.server.fetches().at(-1)?.range, `bytes=${kept.length}-`);
      assert.equal(place.steps.at(-1)?.fetched, WEIGHTS.length - kept.length);
      await isWhole();
    });

    it("when nothing comes any more", async () => {
      place.server.disturb(/^files/, (_asked, _request, response) => {
        response.writeHead(200, { "content-length": WEIGHTS.length });
        response.write(WEIGHTS.subarray(0, 200_000));
      });
      await place.fetch({ repo: REPO }, { patience: { pause: 5, stall: 1000 } });
      assert.match(place.server.fetches().at(-1)?.range ?? "", /^bytes=[1-9]/);
      await isWhole();
    });

    it("from the start where the other side heeds no ranges", async () => {
      place.server.disturb(/^files/, breakAfter(300_000));
      place.server.disturb(/^files/, (_asked, _request, response) => send(response, WEIGHTS, null));
      await place.fetch({ repo: REPO });
      assert.equal(place.server.fetches().length, 2);
      assert.equal(place.steps.at(-1)?.done, WEIGHTS.length);
      await isWhole();
    });

    it("not with a part that is spoilt: it is fetched anew", async () => {
      await mkdir(path.dirname(part()), { recursive: true });
      await writeFile(part(), randomBytes(400_000));
      await place.fetch({ repo: REPO });
      assert.deepEqual(
        place.server.fetches().map(({ range }) => range),
        ["bytes=400000-", null],
      );
      await isWhole();
      await writeFile(part(), randomBytes(WEIGHTS.length + 1));
      await unlink(blob(WEIGHTS));
      await place.fetch({ repo: REPO });
      await isWhole();
    });

    it("with a link that points to nothing, and a blob that was cut short", async () => {
      await place.fetch({ repo: REPO });
      await unlink(blob(WEIGHTS));
      await assert.rejects(resolveBaseModel(REPO), {
        name: "PlumbError",
        message:
          /model\.safetensors is a link to .*blobs\/\w+, which is not there\. "plumb models get someone\/tiny" fetches it again/,
      });
      await place.fetch({ repo: REPO });
      await isWhole();
      await truncate(blob(WEIGHTS), 10);
      await place.fetch({ repo: REPO });
      await isWhole();
    });

    it("with two at once: one waits, each byte comes once", async () => {
      place.server.disturb(/^files/, (_asked, _request, _response, next) => setTimeout(next, 300));
      const both = await Promise.all([place.fetch({ repo: REPO }), place.fetch({ repo: REPO })]);
      assert.equal(both[0].path, both[1].path);
      assert.equal(place.server.fetches().length, 1);
      assert.match(place.lines.join("\n"), /^Waiting for another process: .* in use by process \d+/m);
      await isWhole();
    });
  });

  describe("takes nothing that is not what the Hub lists", () => {
    const nothingLeft = async () => {
      const held = Object.keys(await place.holds(FOLDER));
      assert.deepEqual(
        held.filter((file) => file.includes(sha256(WEIGHTS))),
        [],
      );
      assert.ok(!held.includes("refs/main"));
    };

    it("of another size", async () => {
      place.server.disturb(/^files/, (_asked, _request, response) => send(response, randomBytes(999), null));
      await refuses(
        /model\.safetensors of someone\/tiny should have 1000000 bytes, and 999 came; it was thrown away\. Run/,
      );
      await nothingLeft();
      place.server.disturb(/^files/, (_asked, _request, response) => {
        response.write(WEIGHTS);
        response.end("x");
      });
      await refuses(/should have 1000000 bytes, and more came/);
      await nothingLeft();
      place.server.disturb(/^files/, breakAfter(300_000));
      place.server.disturb(/^files/, ({ range }, _request, response) =>
        response.writeHead(206, { "content-range": `bytes ${range?.replace(/\D/g, "")}-999/1000` }).end(),
      );
      await refuses(/should have 1000000 bytes, and 1000 came/);
      await nothingLeft();
    });

    it("of another content, large files and small ones", async () => {
      place.server.disturb(/^files/, (_asked, _request, response) =>
        send(response, randomBytes(WEIGHTS.length), null),
      );
      await refuses(
        /model\.safetensors of someone\/tiny came from .* with other content than it should have/,
      );
      await nothingLeft();
      place.server.disturb(/resolve.*README/, (_asked, _request, response) =>
        send(response, Buffer.from("b".repeat(100)), null),
      );
      serve({ "config.json": CONFIG, "README.md": Buffer.alloc(100, "a"), [WEIGHTS_NAME]: WEIGHTS });
      await refuses(/README\.md of someone\/tiny came from .* with other content/);
    });

    it("from another place in the file", async () => {
      place.server.disturb(/^files/, breakAfter(300_000));
      place.server.disturb(/^files/, (_asked, _request, response) =>
        response.writeHead(206, { "content-range": `bytes 5-999999/${WEIGHTS.length}` }).end(),
      );
      await refuses(
        /does not answer as the Hugging Face Hub does: it sent another part of model\.safetensors/,
      );
    });

    it("of a family that it cannot use, and then not even the weights", async () => {
      serve({ "config.json": Buffer.from('{"model_type":"bert"}'), [WEIGHTS_NAME]: WEIGHTS });
      await refuses(/config\.json: models of the family "bert" are not supported yet; supported are llama/);
      assert.deepEqual(place.server.fetches(), []);
    });
  });

  it("follows redirects of the description too, and sends the token to the Hub alone", async () => {
    process.env.HF_TOKEN = "hf_secret\n";
    place.server.disturb(/^hub .*\/revision\//, (_asked, _request, response) =>
      response.writeHead(307, { location: `/api/models/${REPO}/revision/main?moved=1` }).end(),
    );
    await place.fetch({ repo: REPO });
    const tokens = (host: string) =>
      new Set(place.server.asked.filter((one) => one.host === host).map(({ token }) => token));
    assert.deepEqual([tokens("hub"), tokens("files")], [new Set(["hf_secret"]), new Set([null])]);
    await isWhole();
    place.server.disturb(
      /^hub/,
      (_asked, _request, response) => response.writeHead(302, { location: "/round" }).end(),
      30,
    );
    await refuses(/it sent redirects without end/);
  });

  it("sends no token to another host that a list names as its next page", async () => {
    process.env.HF_TOKEN = "hf_secret";
    place.server.disturb(/\/tree\//, (_asked, _request, response) =>
      response.setHeader("link", `<${place.server.otherHost}/page>; rel="next"`).end("[]"),
    );
    await refuses(/There is no model/);
    assert.deepEqual(
      place.server.fetches("/page").map(({ token }) => token),
      [null],
    );
  });

  describe("says what to do", () => {
    it("where there is no such repository, or it is private", async () => {
      await assert.rejects(place.fetch({ repo: "nobody/nothing" }), {
        message:
          /^There is no model nobody\/nothing at http.*, or it is private\. Check the spelling \(organisation\/name\); for a private one set HF_TOKEN\.$/,
      });
      serve(
        { "config.json": CONFIG, [WEIGHTS_NAME]: WEIGHTS },
        { access: { kind: "private", token: "hf_good" } },
      );
      await refuses(/There is no model someone\/tiny/);
      process.env.HF_TOKEN = "hf_other";
      await refuses(/There is no model .*; the token is from HF_TOKEN\.$/);
      process.env.HF_TOKEN = "hf_good";
      await place.fetch({ repo: REPO });
      await isWhole();
    });

    it("where a model is gated, with the token from the usual file", async () => {
      serve(
        { "config.json": CONFIG, [WEIGHTS_NAME]: WEIGHTS },
        { access: { kind: "gated", token: "hf_good" } },
      );
      await refuses(
        /^someone\/tiny is given to those who accept its terms\. Open http.*\/someone\/tiny in a browser, accept them, make a token at .*\/settings\/tokens, set HF_TOKEN/,
      );
      const file = path.join(place.root, ".cache", "huggingface", "token");
      await writeFile(file, "hf_late\n");
      await refuses(new RegExp(`account of the token from ${file} has not been let in`));
      await writeFile(file, "hf_good\n");
      await place.fetch({ repo: REPO });
      await isWhole();
    });

    it("where a token is not accepted, without showing it", async () => {
      process.env.HF_TOKEN = "hf_stale";
      place.server.disturb(/^hub/, (_asked, _request, response) =>
        response.writeHead(401, { "x-error-message": "Invalid credentials in Authorization header" }).end(),
      );
      await assert.rejects(place.fetch({ repo: REPO }), (error: Error) => {
        assert.match(
          error.message,
          /does not accept the token from HF_TOKEN \(401, "Invalid credentials in Authorization header"\)\. Make a new one/,
        );
        assert.doesNotMatch(error.message, /hf_stale/);
        return true;
      });
      process.env.HF_TOKEN = "two words";
      await refuses(/^What stands in HF_TOKEN is no token/);
    });

    it("where access is refused", async () => {
      place.server.disturb(/^hub/, (_asked, _request, response) =>
        response.writeHead(403, { "x-error-message": "Access to this resource is disabled." }).end(),
      );
      await refuses(
        /refuses access to someone\/tiny \(403, "Access to this resource is disabled"\)\. Set HF_TOKEN/,
      );
    });

    it("where it is asked to slow down, and waits when that is short", async () => {
      const slow =
        (seconds: string): Fault =>
        (_asked, _request, response) =>
          response.writeHead(429, { "retry-after": seconds }).end();
      place.server.disturb(/^hub/, slow("0"), 2);
      place.server.disturb(/^files/, slow(new Date(Date.now() - 5000).toUTCString()), 2);
      await place.fetch({ repo: REPO });
      await isWhole();
      place.server.disturb(/^hub/, slow("1200"));
      await refuses(
        /asks to slow down \(429\)\. Run the same command again in 20 min: it goes on where it stopped\. With a token in HF_TOKEN it allows more\.$/,
      );
      place.server.disturb(/^hub/, slow("0"), 5);
      await refuses(/asks to slow down/);
    });

    it("where the Hub has trouble, after trying again", async () => {
      const trouble: Fault = (_asked, _request, response) => response.writeHead(503).end("no");
      place.server.disturb(/^hub .*\/tree\//, trouble, 4);
      await place.fetch({ repo: REPO });
      place.server.disturb(/^hub/, trouble, 5);
      await refuses(/answered 503 when asked for the files of someone\/tiny\. Run the command again later/);
    });

    it("where something else answers", async () => {
      const says =
        (text: string): Fault =>
        (_asked, _request, response) =>
          response.setHeader("content-type", "text/html").end(text);
      place.server.disturb(/^hub/, says("<html>Log in</html>"));
      await refuses(
        /does not answer as the Hugging Face Hub does: it sent text\/html\. Check HF_ENDPOINT, and whether/,
      );
      place.server.disturb(/^hub/, says('{"sha": "../../x"}'));
      await refuses(/it sent a description of the model that names no commit/);
      place.server.disturb(/tree/, says('[{"type":"file","path":"a","size":-1,"oid":"b"}]'));
      await refuses(/it sent a list of files in which a file has no size or no proper hash/);
      place.server.disturb(/tree/, says('{"error":"no"}'));
      await refuses(/it sent a list of files that is none/);
      process.env.HF_ENDPOINT = "mirror";
      await refuses(/^HF_ENDPOINT is "mirror", expected the address of a mirror/);
      const gone = await HubServer.start();
      process.env.HF_ENDPOINT = gone.endpoint;
      await gone.stop();
      await refuses(
        /^http:\/\/127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)\. Check the network, or name a mirror/,
      );
      process.env.HF_ENDPOINT = "https://nowhere.invalid";
      await refuses(/^There is no host nowhere\.invalid, or no network\. Check both|cannot be reached|broke/);
      process.env.HF_TOKEN = "hf_x";
      process.env.HF_ENDPOINT = "http://mirror.example";
      await refuses(/your token would be sent there without encryption\. Use an https address/);
    });

    it("offline: the cache or nothing", async () => {
      process.env.HF_HUB_OFFLINE = "1";
      await refuses(
        /^HF_HUB_OFFLINE is set, so nothing is fetched, and someone\/tiny is not in .*hub as a whole\. Unset/,
      );
      delete process.env.HF_HUB_OFFLINE;
      await place.fetch({ repo: REPO });
      const asked = place.server.asked.length;
      process.env.TRANSFORMERS_OFFLINE = "yes";
      assert.deepEqual(await place.fetch({ repo: REPO }), { path: snapshot(), name: REPO });
      await refuses(/TRANSFORMERS_OFFLINE is set.* someone\/tiny@v2 is not in/, { revision: "v2" });
      assert.equal(place.server.asked.length, asked);
      process.env.TRANSFORMERS_OFFLINE = "0";
      await place.fetch({ repo: REPO });
    });

    it("where the disk is full, before and while", async () => {
      const tools = { freeSpace: () => Promise.resolve(10e6) };
      await assert.rejects(place.fetch({ repo: REPO }, tools), {
        message:
          /^Not enough room in .*hub: 10 MB are free, 17 MB are needed\. Make room, or set HF_HUB_CACHE/,
      });
      await mkdir(path.dirname(part()), { recursive: true });
      await symlink("/dev/full", part());
      await refuses(/^Not enough room in .*: the disk is full\. Make room/);
      assert.ok(!Object.keys(await place.holds(FOLDER)).includes("refs/main"));
    });

    it("where the cache cannot be written", async () => {
      await mkdir(path.dirname(place.cache), { recursive: true });
      await writeFile(place.cache, "");
      await refuses(
        /^The model cannot be written into .*hub: .*Set HF_HUB_CACHE to a folder that may be written/,
      );
    });

    it("where a repository holds no model", async () => {
      serve({ "README.md": Buffer.from("hello"), "adapter_config.json": Buffer.from("{}") });
      await refuses(
        /is no model that can be tuned: it has no config\.json\. It holds an adapter: name the base model/,
      );
      serve({ "config.json": CONFIG, "tf_model.h5": WEIGHTS });
      await refuses(/it has no weights that can be used \(model\.safetensors or pytorch_model\.bin/);
      const index = (map: unknown) => Buffer.from(JSON.stringify({ weight_map: map }));
      serve({ "config.json": CONFIG, "model.safetensors.index.json": index({ a: "../b" }) });
      await refuses(/index of someone\/tiny names the file "\.\.\/b", which the repository does not have/);
      serve({ "config.json": CONFIG, "pytorch_model.bin.index.json": index({}) });
      await refuses(/index of someone\/tiny names no files/);
    });
  });

  describe("takes one GGUF file", () => {
    const ggufs = {
      "a.Q8_0.gguf": WEIGHTS,
      "a.Q4_0.gguf": randomBytes(400_000),
      "big/b-00001-of-00002.gguf": randomBytes(20_000),
      "big/b-00002-of-00002.gguf": randomBytes(30_000),
      "c-00001-of-00002.gguf": randomBytes(20_000),
    };
    beforeEach(() => serve(ggufs));

    it("by its name, and nothing else", async () => {
      const { path: file, name } = await place.fetch({ repo: REPO, file: "a.Q8_0.gguf" });
      assert.deepEqual(await readFile(file), WEIGHTS);
      assert.equal(name, `${REPO}/a.Q8_0`);
      assert.equal(await resolveBaseModel(name), file);
      assert.equal(await resolveBaseModel(`${name}.gguf`), file);
      assert.equal(place.server.fetches().length, 1);
      process.env.HF_HUB_OFFLINE = "1";
      assert.deepEqual(await place.fetch({ repo: REPO, file: "a.Q8_0.gguf" }), { path: file, name });
    });

    it("with all its parts", async () => {
      const { path: file } = await place.fetch({ repo: REPO, file: "b-00001-of-00002.gguf" });
      assert.equal(file, path.join(snapshot(), "big", "b-00001-of-00002.gguf"));
      assert.deepEqual(
        await readFile(path.join(snapshot(), "big", "b-00002-of-00002.gguf")),
        ggufs["big/b-00002-of-00002.gguf"],
      );
      await refuses(/has 1 of the 2 parts of c-00001-of-00002\.gguf/, { file: "c-00001-of-00002.gguf" });
    });

    it("or lists those there are", async () => {
      const list =
        /--file: a\.Q8_0\.gguf \(1 MB\), a\.Q4_0\.gguf \(1 MB\), big\/b-00001-of-00002\.gguf \(1 MB\), c-00001/;
      await refuses(list);
      await refuses(new RegExp(`has no GGUF file "z"\\. Name one of these with ${list.source}`), {
        file: "z",
      });
      serve({ "config.json": CONFIG, [WEIGHTS_NAME]: WEIGHTS });
      await refuses(/has no GGUF files\. Leave out --file/, { file: "z.gguf" });
    });
  });
});

describe("names on the Hub", () => {
  it("are organisation/name, with a revision behind an @", () => {
    assert.deepEqual(parseRepoName("gpt2"), { repo: "gpt2", revision: null });
    assert.deepEqual(parseRepoName("Qwen/Qwen2.5-0.5B@refs/pr/3"), {
      repo: "Qwen/Qwen2.5-0.5B",
      revision: "refs/pr/3",
    });
    for (const name of [
      "",
      "a/b/c",
      "../b",
      "a/..",
      "a--b",
      "a/-b",
      "a/b.git",
      "a b",
      "a/",
      "/a",
      "ä/b",
      "a/b\n",
    ]) {
      assert.throws(
        () => parseRepoName(name),
        { name: "PlumbError", message: /is no name of a repository/ },
        name,
      );
    }
    for (const name of ["a/b@", "a/b@../x", "a/b@x/", "a/b@-x", "a/b@x y", "a/b@x//y"]) {
      assert.throws(() => parseRepoName(name), { message: /behind the "@" is no revision/ }, name);
    }
    assert.throws(() => parseRepoName("https://huggingface.co/Qwen/Qwen2.5-0.5B/tree/main"), {
      message: /is an address\. Name the repository alone: Qwen\/Qwen2\.5-0\.5B$/,
    });
  });
});
