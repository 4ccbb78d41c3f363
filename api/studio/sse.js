/** Server-sent events read from a fetch, which unlike EventSource can send a key. */

/**
 * The data of each event, parsed; `[DONE]` ends them.
 *
 * @param {ReadableStream<Uint8Array>} body
 */
export async function* eventsIn(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      held += value.replace(/\r\n?/g, "\n");
      const frames = held.split("\n\n");
      held = frames.pop() ?? "";
      for (const frame of frames) {
        const data = dataOf(frame);
        if (data === "[DONE]") return;
        if (data) yield JSON.parse(data);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function dataOf(frame) {
  return frame
    .split("\n")
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).trimStart())
    .join("\n");
}
