// What the pages of browser.test.mjs offer to it.
import * as exports from "/built/index.js";
import { machine } from "/built/machine.js";
import { Case } from "/test/table.mjs";

const make = (kind, prefix) =>
  new Case({
    exports,
    machine,
    storage: (name) => exports[kind](`${prefix}/${name}`),
    key: (name) => exports.browserKey(`${kind}/${prefix}/${name}`),
    worlds: "/worlds",
  });

let tab;

/** Runs a case with storages of a kind. */
globalThis.runCase = (kind, each) => make(kind, each.name).run(each);

/** Makes this page one of several in a world. */
globalThis.join = (kind, world) => {
  tab = make(kind, "tabs");
  tab.enter(world);
};
globalThis.step = (step) => tab.step(step);
/** Reports whether a page waits for a Web Lock. */
globalThis.queues = async () => (await navigator.locks.query()).pending.length > 0;
/** Reports whether this page sees an item that another page put into localStorage. */
globalThis.sees = (item) => localStorage.getItem(item) !== null;
/** Moves the clock of this page only: another page has moved that of the world. */
globalThis.advance = (seconds) => tab.clock.advance(seconds);
