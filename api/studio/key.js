/** The API key: asked for once, kept for this tab's session only, never in a URL. */

import { ask } from "./dialog.js";

const PLACE = "heartline-key";
/** @type {Promise<boolean> | null} */
let asking = null;
/** Who would rather not is not asked again before the page is loaded anew. */
let declined = false;

export const key = () => sessionStorage.getItem(PLACE);

/** The headers that a request has by the key. */
export function keyHeaders() {
  const held = key();
  return held ? { Authorization: `Bearer ${held}` } : {};
}

/**
 * Asks for a key, whoever else asks meanwhile gets the same answer. False: the person would rather not.
 *
 * @param {string} reason what the server said
 */
export async function askForKey(reason) {
  if (declined) return false;
  asking ??= dialogue(reason).finally(() => (asking = null));
  return asking;
}

export function forgetKey() {
  sessionStorage.removeItem(PLACE);
  location.reload();
}

async function dialogue(reason) {
  const wrong = key() !== null;
  const answer = await ask({
    title: wrong ? "This key was not accepted" : "This server asks for a key",
    text: [
      wrong ? reason : "Whoever runs it can make one: heartline keys add NAME.",
      "It is kept in this tab until you close it, and sent to this server only.",
    ],
    fields: [{ name: "key", label: "API key", type: "password" }],
    action: "Use this key",
  });
  const given = answer?.key.trim();
  declined = !given;
  if (!given) return false;
  sessionStorage.setItem(PLACE, given);
  return true;
}
