/**
 * Where one is, in the address: `#/s/SESSION/TAB?at=N&turn=T&message=V`. Everything can be linked and gone back to.
 */

export const TABS = ["conversation", "feelings", "recall", "branches"];

/** @returns {{page: string, session: string | null, tab: string, at: number | null, turn: string | null, message: number | null}} */
export function place() {
  const [path, asked = ""] = location.hash.slice(1).split("?");
  const [, page = "", session, tab] = path.split("/");
  const given = new URLSearchParams(asked);
  const number = (name) => (/^[1-9]\d*$/.test(given.get(name) ?? "") ? Number(given.get(name)) : null);
  return {
    page: page === "s" && session ? "session" : page,
    session: page === "s" && session ? decoded(session) : null,
    tab: TABS.includes(tab) ? tab : TABS[0],
    at: number("at"),
    turn: given.get("turn"),
    message: number("message"),
  };
}

/** The address of a session's tab. */
export function to(session, tab = TABS[0], given = {}) {
  const asked = Object.entries(given).filter(([, value]) => value !== null && value !== undefined);
  const rest = asked.length ? `?${new URLSearchParams(asked.map(([name, value]) => [name, String(value)]))}` : "";
  return `#/s/${encodeURIComponent(session)}${tab === TABS[0] ? "" : `/${tab}`}${rest}`;
}

/** Goes there; with `quietly` the way back does not come by here. */
export function go(address, quietly = false) {
  if (quietly) {
    history.replaceState(null, "", address);
    dispatchEvent(new HashChangeEvent("hashchange"));
  } else location.hash = address;
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
