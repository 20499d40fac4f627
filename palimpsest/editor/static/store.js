/**
 * What the page knows. `work` is the author's state exactly as the server sent it; the rest is the
 * view of it (which picture is open, which brush). Components read `store.value` and are called after
 * every change with the names that changed.
 */

import { remembered } from "./dom.js";

export function createStore() {
  const listeners = new Set();
  const store = {
    value: {
      work: null, // the last `state` message
      report: null, // the last `report` message
      drawn: null, // {hash, pictures, ms} of the last `drawn` message
      progress: null,
      alert: null, // a fault as a sentence, or null
      notice: null, // a good message, or null
      waiting: null, // what a person waits for beside the pictures, or null
      lost: null, // why the server will not have this page, or null
      online: false,
      open: null, // number of the large picture
      role: "object", // what a stroke paints: a key of `roles.ROLES`, or "result"
      exemplar: 0, // which pair of copy and paste is at hand
      tool: "brush", // brush, eraser or pick
      size: 9, // diameter of the brush, percent of the picture's width
      wipe: 100, // percent of the picture that shows the change
      originals: false, // originals everywhere, while a key is held
      numbers: null, // the samples asked for by number, or null: all
      matches: null, // samples sorted by their match, or null
      heat: null, // hash of the state whose heat maps are shown, or null
      hints: remembered("hints") !== "off",
    },
    set(changes) {
      const names = Object.keys(changes).filter((name) => !Object.is(store.value[name], changes[name]));
      if (!names.length) return;
      store.value = { ...store.value, ...changes };
      const changed = new Set(names);
      for (const listener of listeners) listener(store.value, changed);
    },
    /** `listener(value, changed)` after changes of any of `names`, and once now. */
    watch(names, listener) {
      const wanted = new Set(names);
      listeners.add((value, changed) => {
        for (const name of changed) {
          if (wanted.has(name)) return listener(value, changed);
        }
      });
      listener(store.value, wanted);
    },
  };
  return store;
}
