import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import os from "node:os";
import path from "node:path";
import { llamaCppFolder } from "../../../src/core/model/elsewhere";
import { homeFolder, withHome } from "../../../src/core/home";

/** What a shell of Unix on Windows sets besides Windows' own variables. */
const WINDOWS = { HOME: "/c/Users/ann", USERPROFILE: "C:\\Users\\ann" };

describe("the user's folders", () => {
  it("the home is where each system's own programs take it to be", () => {
    assert.equal(homeFolder(WINDOWS, "win32"), "C:\\Users\\ann");
    assert.equal(homeFolder(WINDOWS, "linux"), "/c/Users/ann");
    assert.equal(homeFolder({ HOME: "/Users/ann" }, "darwin"), "/Users/ann");
    for (const platform of ["win32", "linux", "darwin"] as const)
      for (const without of [{}, { HOME: "", USERPROFILE: "" }])
        assert.equal(homeFolder(without, platform), os.homedir());
  });

  it("an empty home is none: what Plumb keeps never goes into the folder in which it is called", () => {
    const program = `console.log(require("./src/core/cache-folder").cacheFolder())`;
    const env = { ...process.env, HOME: "", USERPROFILE: "", PLUMB_CACHE: "", XDG_CACHE_HOME: "" };
    const cwd = path.resolve(__dirname, "../../..");
    const said = execFileSync(process.execPath, ["--import", "tsx", "-e", program], { cwd, env });
    assert.equal(said.toString().trim(), path.join(os.userInfo().homedir, ".cache", "plumb"));
  });

  it("a tilde at the beginning stands for it, with either separator, and nowhere else", () => {
    assert.equal(withHome("~\\models", WINDOWS, "win32"), "C:\\Users\\ann\\models");
    assert.equal(withHome("~/models", WINDOWS, "win32"), "C:\\Users\\ann/models");
    assert.equal(withHome("~", { HOME: "/home/$&" }, "linux"), "/home/$&");
    for (const folder of ["~ann/models", "/data/~/models", "models~"])
      assert.equal(withHome(folder, { HOME: "/home/ann" }, "linux"), folder);
  });

  it("llama.cpp's models are looked for where it keeps them on each system", () => {
    const local = "C:\\Users\\ann\\AppData\\Local";
    const windows = (more: NodeJS.ProcessEnv) =>
      llamaCppFolder({ ...WINDOWS, XDG_CACHE_HOME: "D:\\xdg", ...more }, "win32", path.win32);
    assert.equal(windows({ LOCALAPPDATA: "E:\\local" }), "E:\\local\\llama.cpp");
    assert.equal(windows({}), `${local}\\llama.cpp`);
    assert.equal(windows({ LLAMA_CACHE: "D:\\llama" }), "D:\\llama");
    const posix = (platform: NodeJS.Platform, more: NodeJS.ProcessEnv = {}) =>
      llamaCppFolder({ HOME: "/u", ...more }, platform, path.posix);
    assert.equal(posix("darwin", { XDG_CACHE_HOME: "/xdg" }), "/u/Library/Caches/llama.cpp");
    assert.equal(posix("linux", { XDG_CACHE_HOME: "/xdg" }), "/xdg/llama.cpp");
    assert.equal(posix("linux"), "/u/.cache/llama.cpp");
  });
});
