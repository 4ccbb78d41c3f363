/** The beginning: how to connect a client, and a small chat to see the memory at work. */

import { baseUrl, get } from "./api.js";
import { composer } from "./chat.js";
import { el, fill, say } from "./dom.js";
import { to } from "./place.js";

export function page(main) {
  const talk = `studio-${new Date().toISOString().slice(0, 10)}`;
  const name = /** @type {HTMLInputElement} */ (el("input", { value: talk, spellcheck: "false", autocomplete: "off" }));
  const session = {
    get id() {
      return name.value.trim() || talk;
    },
  };
  const lines = el("div.lines", { role: "log", "aria-label": "What was said" });
  const write = el("div.write");
  const after = el("p.small.after");
  const model = el("p.faint.small");
  fill(
    main,
    el(
      "div.welcome",
      {},
      el("header", {}, el("h1", {}, "A chat server with a memory that can be rewound and questioned"), el("p.faint", {}, "Point any OpenAI client at it and talk. What was said, felt and recalled is then here to see, with its time and its reasons.")),
      el("section", {}, el("h2", {}, "Connect a client"), el("p", {}, "The base URL of this server:"), copied(baseUrl()), ways()),
      el(
        "section.try",
        {},
        el("h2", {}, "Or talk to it right here"),
        model,
        el("label.field", {}, "Session", name),
        lines,
        write,
        after,
      ),
    ),
  );
  composer(write, session, {
    said(text) {
      const reply = el("p.text.coming", {}, "…");
      lines.append(el("p.line.mine", {}, el("b", {}, "You"), el("span.text", {}, text)), el("div.line", {}, el("b", {}, "Reply"), reply));
      return reply;
    },
    done: (ok) => ok && fill(after, el("a", { href: to(session.id) }, "See what it remembers of this, and why")),
  });
  get("health").then((health) => health.model && fill(model, modelLine(health.model)), () => {});
  return { show() {} };
}

function modelLine(model) {
  if (model.provider === "offline") return "No language model is configured, so replies are made of what it recalls. GEMINI_API_KEY or OPENAI_BASE_URL gives it one.";
  return `Replies come from ${model.default} (${model.provider}).`;
}

function copied(address) {
  const button = el("button.small", { type: "button", onclick: copy }, "Copy");
  async function copy() {
    try {
      await navigator.clipboard.writeText(address);
      button.textContent = "Copied";
    } catch {
      getSelection()?.selectAllChildren(code);
      button.textContent = "Selected: copy it now";
    }
    say("Base URL copied.");
  }
  const code = el("code.base-url", {}, address);
  return el("p.copy", {}, code, button);
}

function ways() {
  const root = baseUrl().replace(/v1$/, "");
  return el(
    "dl.ways",
    {},
    el("dt", {}, "SillyTavern"),
    el("dd", {}, "API: Chat Completion. Source: Custom (OpenAI-compatible). Endpoint: the base URL. Swipes, edits and branches are followed without a word from it."),
    el("dt", {}, "openai for Python"),
    el("dd", {}, el("pre", { tabindex: 0 }, `from openai import OpenAI\n\nclient = OpenAI(base_url="${root}sessions/mira/v1", api_key="none")\nreply = client.chat.completions.create(\n    model="any", messages=[{"role": "user", "content": "My cat is called Pelle."}]\n)`)),
    el("dt", {}, "curl"),
    el("dd", {}, el("pre", { tabindex: 0 }, `curl ${root}sessions/mira/v1/chat/completions \\\n  -d '{"messages": [{"role": "user", "content": "Hello"}]}'`)),
    el("dt", {}, "One session each"),
    el("dd", {}, "Name it in the path, ", el("code", {}, "/sessions/NAME/v1"), ", or let the server find it by what stands in the transcript."),
  );
}
