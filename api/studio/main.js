/** The page: the rail at the side, and what the address names in the middle. */

import { el, fill } from "./dom.js";
import { place } from "./place.js";
import { rail } from "./rail.js";
import { applyTheme } from "./theme.js";
import { part, trouble } from "./trouble.js";

const main = /** @type {HTMLElement} */ (document.getElementById("main"));

/** Each page is read when it is first gone to. A page is `{show(place), leave?()}`. */
const PAGES = {
  "": () => import("./welcome.js"),
  health: () => import("./health.js"),
  session: () => import("./session.js"),
};

let shown = { name: "", page: null };

async function show() {
  const here = place();
  document.body.dataset.page = here.page || "welcome";
  const name = here.page === "session" ? `session ${here.session}` : here.page;
  try {
    if (shown.name !== name || !shown.page) {
      shown.page?.leave?.();
      shown = { name, page: null };
      const read = PAGES[here.page];
      if (!read) return void fill(main, nowhere());
      const made = (await part(read)).page(main, here);
      if (shown.name !== name) return void made.leave?.();
      shown.page = made;
    }
    await shown.page.show(here);
  } catch (error) {
    // What was drawn is gone with it: the next try begins anew.
    shown.page?.leave?.();
    shown = { name: "", page: null };
    fill(main, trouble(error, show));
  }
}

const nowhere = () => el("div.trouble", {}, el("h2", {}, "There is no such page"), el("p", {}, el("a", { href: "#/" }, "To the beginning")));

applyTheme();
addEventListener("hashchange", show);
rail(document.getElementById("rail"), () => performance.mark("sessions-listed"));
show();
