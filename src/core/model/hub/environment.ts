import { readFileSync } from "node:fs";
import path from "node:path";
import { PlumbError } from "../../errors";
import { homeFolder, withHome } from "../../home";
import { inQuotes, say } from "../../say";

/** What the environment says about the Hub, in the variables that Hugging Face's own tools read. */
export interface HubEnvironment {
  /** Without a slash at its end. */
  readonly endpoint: string;
  /** The shared cache, whether it is there or not. */
  readonly cache: string;
  /** Variable that forbids the network, or null. */
  readonly offline: string | null;
  /** `from` says where it was found, for messages; the value goes into no message. */
  readonly token: { readonly value: string; readonly from: string } | null;
}

const HUB = "https://huggingface.co";

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ["1", "ON", "YES", "TRUE"].includes(value.toUpperCase());
}

function hubHome(environment: NodeJS.ProcessEnv): string {
  const { HF_HOME, XDG_CACHE_HOME } = environment;
  const caches = XDG_CACHE_HOME || path.join(homeFolder(environment), ".cache");
  return withHome(HF_HOME || path.join(caches, "huggingface"), environment);
}

/** The cache that transformers, llama.cpp and others share: HF_HUB_CACHE, else `hub` in HF_HOME, else in ~/.cache/huggingface. */
export function hubCache(environment: NodeJS.ProcessEnv = process.env): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE } = environment;
  const folder = HF_HUB_CACHE || HUGGINGFACE_HUB_CACHE || path.join(hubHome(environment), "hub");
  return path.resolve(withHome(folder, environment));
}

/** @throws PlumbError that names the variable or file that cannot be used. */
export function hubEnvironment(environment: NodeJS.ProcessEnv = process.env): HubEnvironment {
  const token = findToken(environment);
  return {
    endpoint: findEndpoint(environment, token !== null),
    cache: hubCache(environment),
    offline: ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].find((name) => isTrue(environment[name])) ?? null,
    token,
  };
}

function findEndpoint({ HF_ENDPOINT }: NodeJS.ProcessEnv, hasToken: boolean): string {
  const named = (HF_ENDPOINT || HUB).replace(/\/+$/, "");
  let url: URL;
  try {
    url = new URL(named);
  } catch {
    url = new URL("none:");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new PlumbError(
      "hub-endpoint",
      say`HF_ENDPOINT is ${inQuotes(HF_ENDPOINT ?? "")}, expected the address of a mirror of the Hub, such as ${HUB}. Correct or unset it.`,
    );
  }
  const here = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol === "http:" && hasToken && !here) {
    throw new PlumbError(
      "hub-endpoint",
      say`HF_ENDPOINT is ${named}: your token would be sent there without encryption. Use an https address, or set HF_HUB_DISABLE_IMPLICIT_TOKEN=1 to send none.`,
    );
  }
  return named;
}

function findToken(environment: NodeJS.ProcessEnv): HubEnvironment["token"] {
  if (isTrue(environment.HF_HUB_DISABLE_IMPLICIT_TOKEN)) return null;
  for (const from of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
    const value = environment[from]?.trim();
    if (value) return checkedToken(value, from);
  }
  const file = withHome(environment.HF_TOKEN_PATH || path.join(hubHome(environment), "token"), environment);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new PlumbError(
      "hub-token",
      say`The token file ${file} cannot be read (${code ?? ""}). Make it readable, or set HF_TOKEN.`,
      {
        cause: error,
      },
    );
  }
  const value = text.trim();
  return value === "" ? null : checkedToken(value, file);
}

function checkedToken(value: string, from: string): { value: string; from: string } {
  if (/^[\x21-\x7e]+$/.test(value)) return { value, from };
  throw new PlumbError(
    "hub-token",
    say`What stands in ${from} is no token of the Hugging Face Hub: one is a single word of ASCII characters, beginning with hf_. Correct or remove it.`,
  );
}
