/** What is the matter, and what to do about it. */

import { Refused, Unreachable } from "./api.js";
import { el, say } from "./dom.js";

/**
 * @param {unknown} error
 * @returns {{title: string, text: string}}
 */
export function explained(error) {
  if (error instanceof Unreachable) {
    return { title: "The server does not answer", text: "It may have been stopped. Start it again (make serve), then try again: nothing that was said is lost." };
  }
  if (!(error instanceof Refused)) return { title: "Something went wrong on this page", text: String(error) };
  switch (error.status) {
    case 401:
      return { title: "A key is needed", text: "This server shows nothing without one. Reload the page to be asked for it again." };
    case 404:
      return { title: "It is not there", text: `${error.message} It may have been erased, or belong to another key.` };
    case 409:
      return { title: "Not now", text: `${error.message} Wait until the reply is there, then try again.` };
    case 429:
      return { title: "Too many requests", text: error.message };
    case 503:
      return { title: "The server is not well", text: `${error.message} The page Health says which part of it.` };
    default:
      return { title: error.status >= 500 ? "The server failed" : "That cannot be", text: error.message };
  }
}

/** A block that tells of an error, with a button to try again if that may help. */
export function trouble(error, again) {
  const { title, text } = explained(error);
  say(`${title}. ${text}`);
  return el(
    "div.trouble",
    { role: "alert" },
    el("h2", {}, title),
    el("p", {}, text),
    again && el("button", { type: "button", onclick: again }, "Try again"),
  );
}

/** A part of the page, by its `import`. That it does not come means that the server does not. */
export async function part(read) {
  try {
    return await read();
  } catch (error) {
    throw error instanceof TypeError ? new Unreachable("The server does not answer.") : error;
  }
}

/** Runs what may fail, and shows in `place` how it failed. Aborted requests are no failure. */
export async function attempt(place, work) {
  try {
    return await work();
  } catch (error) {
    if (error?.name !== "AbortError") place.replaceChildren(trouble(error, () => attempt(place, work)));
    return undefined;
  }
}
