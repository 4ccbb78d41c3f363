/** The HTTP contract: requests with the key, and what went wrong as errors that say so. */

import { askForKey, keyHeaders } from "./key.js";
import { eventsIn } from "./sse.js";

/** The server's answer was no. `code` and `param` are those of OpenAI's error object, `told` is all it said. */
export class Refused extends Error {
  constructor(status, { message, code, param }, told = null) {
    super(message);
    this.status = status;
    this.told = told;
    this.code = code;
    this.param = param;
  }
}

/** No answer at all. */
export class Unreachable extends Error {}

/** The address that a client points at. */
export const baseUrl = () => new URL("v1", document.baseURI.replace(/#.*/, "")).href;

/** A session's address. */
export const of = (session, rest = "") => `sessions/${encodeURIComponent(session)}${rest}`;

/** Query parameters, without those that are null, undefined or empty. */
export function query(given) {
  const asked = Object.entries(given).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return asked.length ? `?${new URLSearchParams(asked.map(([name, value]) => [name, String(value)]))}` : "";
}

/** @param {string} path @param {AbortSignal} [signal] */
export const get = async (path, signal) => (await request("GET", path, { signal })).json();

/** @param {string} path @param {unknown} [body] @param {AbortSignal} [signal] */
export const post = async (path, body = {}, signal) => (await request("POST", path, { body, signal })).json();

export const text = async (path, signal) => (await request("GET", path, { signal })).text();

/** Server-sent events, each as its data; ends with the response. */
export async function* stream(method, path, asked = {}) {
  const { signal } = asked;
  const response = await request(method, path, asked);
  try {
    yield* eventsIn(response.body);
  } catch (error) {
    if (signal?.aborted) return;
    throw error instanceof Refused ? error : new Unreachable("The stream broke off.");
  }
}

/** Every entry of a list that comes in pages; `by` names the entry's field that the next page begins behind. */
export async function all(path, by, given = {}, signal) {
  const found = [];
  for (let more = true, after; more; ) {
    const page = await get(path + query({ limit: 1000, ...given, after }), signal);
    found.push(...page.data);
    more = page.has_more;
    after = page.data.at(-1)?.[by];
  }
  return found;
}

/** @param {string} method @param {string} path @param {{body?: unknown, headers?: Record<string, string>, signal?: AbortSignal}} asked */
async function request(method, path, asked) {
  for (;;) {
    const response = await sent(method, path, asked);
    if (response.ok) return response;
    const refused = await refusal(response);
    if (response.status !== 401 || !(await askForKey(refused.message))) throw refused;
  }
}

async function sent(method, path, { body, signal, headers: more }) {
  const headers = { Accept: "application/json", ...keyHeaders(), ...more };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable("The server does not answer.");
  }
}

async function refusal(response) {
  const told = await response.json().catch(() => null);
  return new Refused(response.status, told?.error ?? { message: `The server answered ${response.status}.` }, told);
}
