/** Three hints for the first rule. Each goes away as one follows it; the cross hides them for good. */

import { at, remember } from "./dom.js";
import { isErasing, marksOf, nextRole } from "./roles.js";

const ENOUGH = 4; // marks
const UNSTEADY = 3; // places of context from which an edit may get worse with each

/** [role, sentence] of the hint for this moment, or null. */
export function hintFor({ work, open, exemplar, hints, role }) {
  if (!hints || !work || open === null || work.rules.length || role === "units") return null;
  const next = nextRole(work, exemplar);
  if (isErasing(work)) return markHint(work);
  const pair = work.draft.exemplars[exemplar];
  if (next === "object") {
    const click = work.model.labels ? " Or choose Pick and click it." : "";
    return ["object", `Paint over a thing that you would like to see elsewhere, with a little of what surrounds it.${click}`];
  }
  if (next === "paste") {
    return ["paste", pair.object.sample === open ? "Copied. Paint on, or open another picture and paint where it should go." : "Paint over what it should replace."];
  }
  if (next === "context") {
    return ["context", pair.paste.sample === open ? "Pasted. Now open a few more pictures of the same kind." : "Paint over the thing to change, here and in a few more pictures. More places make a rule that holds."];
  }
  if (work.draft.context.length >= UNSTEADY && work.solver !== "palimpsest" && work.can_improve && !work.improving) {
    return ["context", "Smeared, or not everywhere? A search for a better edit helps; it takes about a minute."];
  }
  return null;
}

function markHint(work) {
  const marks = marksOf(work).length;
  if (!marks) return ["mark", "Paint over what should go, here and in all pictures."];
  return marks < ENOUGH ? ["mark", "Marked. Mark it in a few more pictures: the rule then holds better."] : null;
}

export function createHints(store) {
  store.watch(["work", "open", "exemplar", "hints", "role"], (value) => {
    const hint = hintFor(value);
    const box = at("hint");
    box.hidden = !hint;
    if (hint) [box.dataset.role, box.firstElementChild.textContent] = hint;
    at("hint-improve").hidden = !hint || nextRole(value.work, value.exemplar) !== null || isErasing(value.work);
    const { work } = value;
    const fresh = !work || (!work.rules.length && !work.draft.context.length && work.draft.exemplars.every((pair) => !pair.object && !pair.paste));
    at("example").closest("p").hidden = !fresh;
    for (const step of at("welcome").querySelectorAll(".steps li")) {
      const { role } = step.dataset;
      const pair = work?.draft.exemplars[value.exemplar];
      step.toggleAttribute("data-done", Boolean(role === "context" ? work?.draft.context.length : pair?.[role]));
    }
  });
  at("hint-improve").addEventListener("click", () => at("improve").click());
  at("hint-close").addEventListener("click", () => {
    remember("hints", "off");
    store.set({ hints: false });
  });
}
