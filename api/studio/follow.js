/** A session as it is talked in elsewhere: its events as they come, and again when the stream breaks off. */

import { of, query, stream } from "./api.js";

const AGAIN_MS = 2000;
const GATHER_MS = 150;

/**
 * @param {{id: string}} session
 * @param {{happened: (event: any) => void, lost: (error: unknown) => void}} told `happened` is called once for what
 *   comes at once; `lost` with null when the stream is there again
 */
export function follow(session, { happened, lost }) {
  let seen = null;
  let waiting = 0;
  const ending = new AbortController();

  async function run() {
    while (!ending.signal.aborted) {
      try {
        for await (const event of stream("GET", of(session.id, `/events${query({ after: seen, follow: true })}`), { signal: ending.signal })) {
          if (event.error) break;
          seen = Math.max(seen, event.version);
          clearTimeout(waiting);
          waiting = setTimeout(() => happened(event), GATHER_MS);
        }
      } catch (error) {
        if (error.status === 404) return void happened(null);
        if (!ending.signal.aborted) lost(error);
        if (error.status === 401) return;
      }
      await new Promise((again) => setTimeout(again, AGAIN_MS));
      if (!ending.signal.aborted) await probe();
    }
  }

  /** After a break: what happened meanwhile is asked for as a whole. */
  async function probe() {
    try {
      await happened(null);
    } catch {
      // The next round tells.
    }
  }

  return {
    /** Begins behind this version; later calls change nothing. */
    from(version) {
      if (seen !== null) return;
      seen = version;
      run();
    },
    stop() {
      ending.abort();
      clearTimeout(waiting);
    },
  };
}
