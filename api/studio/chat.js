/** Talking right here: a line to write in, and the reply as it comes. The server is spoken to as by any OpenAI client. */

import { of, stream } from "./api.js";
import { el, fill, say } from "./dom.js";
import { explained } from "./trouble.js";

/**
 * A form that sends to `session`; what is said shows below it until the session itself shows it.
 *
 * @param {HTMLElement} host
 * @param {{id: string}} session
 * @param {{said?: (text: string) => HTMLElement, done?: (ok: boolean) => void}} [told] `said` makes the place of the reply
 */
export function composer(host, session, told = {}) {
  const live = el("div.live");
  const input = /** @type {HTMLTextAreaElement} */ (el("textarea", { rows: 1, placeholder: "Say something", "aria-label": "Your message", onkeydown: keys }));
  const button = /** @type {HTMLButtonElement} */ (el("button.main", { type: "submit" }, "Send"));
  const form = el("form.composer", { onsubmit: (event) => void (event.preventDefault(), send()) }, input, button);
  fill(host, live, form);

  function keys(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  }

  async function send() {
    const text = input.value.trim();
    if (!text || button.disabled) return;
    button.disabled = true;
    input.value = "";
    const reply = told.said?.(text) ?? provisional(text);
    let heard = "";
    try {
      const body = { model: "heartline", stream: true, messages: [{ role: "user", content: text }] };
      // It has no transcript to compare: what it sends is new.
      const headers = { "X-Heartline-Mode": "append" };
      for await (const chunk of stream("POST", of(session.id, "/v1/chat/completions"), { body, headers })) {
        if (chunk.error) throw new Error(chunk.error.message);
        heard += chunk.choices?.[0]?.delta?.content ?? "";
        reply.textContent = heard;
        reply.scrollIntoView({ block: "nearest" });
      }
      say(heard);
      told.done?.(true);
      setTimeout(() => fill(live), 600);
    } catch (error) {
      const { title, text: why } = explained(error);
      reply.classList.add("failed");
      reply.textContent = `${heard} ${title}: ${why}`.trim();
      if (!input.value) input.value = text;
      told.done?.(false);
    } finally {
      button.disabled = false;
      input.focus();
    }
  }

  function provisional(text) {
    const reply = el("p.text.coming", {}, "…");
    fill(live, el("p.text", {}, text), reply);
    return reply;
  }
}
