/** Where the rule's direction matches: heat maps on all pictures, the best matches first. */

import { ask, heatAddress } from "./connection.js";
import { at, setPicture } from "./dom.js";
import { isPhotograph } from "./photographs.js";

export function createMatches(store) {
  const button = at("matches");
  button.addEventListener("click", async () => {
    const { work, heat } = store.value;
    if (heat) return store.set({ heat: null, matches: null });
    store.set({ waiting: "Looking for matches…" });
    try {
      const { order } = await ask(`matches/${work.hash}.json`);
      store.set({ heat: store.value.work.hash, matches: order });
      at("gallery").scrollTop = 0;
    } catch (problem) {
      store.set({ alert: problem.message });
    } finally {
      store.set({ waiting: null });
    }
  });

  // the order stays while one paints, so that no picture moves away; the maps follow the rule
  store.watch(["work"], ({ work, heat }) => {
    const complete = Boolean(work?.draft.complete);
    button.disabled = !complete;
    if (heat && !complete) store.set({ heat: null, matches: null });
    else if (heat && heat !== work.hash) store.set({ heat: work.hash });
  });
  store.watch(["heat", "open"], ({ heat, open }) => {
    button.setAttribute("aria-pressed", Boolean(heat));
    at("heat").hidden = !heat || open === null;
    setPicture(at("heat"), heat && open !== null && !isPhotograph(open) ? heatAddress(heat, open) : null);
  });
}
