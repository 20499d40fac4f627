/**
 * What is painted: a rule copies ("object") and pastes ("paste") in its context, or it erases marks
 * ("mark"). A mark is the place of a pair without a copy, so the state holds one list of both. Beside
 * the rule, units are switched at places ("units") of single pictures.
 */

export const ROLES = { object: "Copy", paste: "Paste", context: "Context", mark: "Mark", units: "Units" };

export const isErasing = (work) => Boolean(work?.draft.erase);

/** The roles that count in the rule at hand, in their order. */
export function rolesOf(work) {
  if (!isErasing(work)) return ["object", "paste", "context"];
  return work.draft.context.length ? ["mark", "context"] : ["mark"];
}

/** Whether a role has one selection for each sample, and not one for each pair. */
export const isOfSample = (role) => role === "context" || role === "mark" || role === "units";

/** The places that the rule at hand erases. */
export const marksOf = (work) => work.draft.exemplars.map((pair) => pair.paste).filter(Boolean);

/** The place of a sample in which units of the layer at hand are switched, or null. */
export const unitPlaceOn = (work, sample) => work.unit_places.find((one) => one.layer === work.layer && one.place.sample === sample) ?? null;

/** The selection {sample, mask} of a role, or null: of the exemplar at hand, or of a sample. */
export function selectionOf(work, role, exemplar, sample) {
  if (work && role === "units") return unitPlaceOn(work, sample)?.place ?? null;
  if (!work || !rolesOf(work).includes(role)) return null;
  const here = (place) => place.sample === sample;
  if (role === "context") return work.draft.context.find(here) ?? null;
  if (role === "mark") return marksOf(work).find(here) ?? null;
  return work.draft.exemplars[exemplar]?.[role] ?? null;
}

/** Mask address of what a stroke on `sample` continues, or null. */
export function maskOn(work, role, exemplar, sample) {
  const found = selectionOf(work, role, exemplar, sample);
  return found && found.sample === sample ? found.mask : null;
}

/** The part of the rule that is still missing: a role, or null. */
export function nextRole(work, exemplar = 0) {
  if (isErasing(work)) return marksOf(work).length ? null : "mark";
  const pair = work?.draft.exemplars[exemplar];
  if (!pair?.object) return "object";
  if (!pair.paste) return "paste";
  return work.draft.context.length ? null : "context";
}

/** What a stroke on a picture that is opened now should paint; `role` is the one at hand. */
export function roleFor(work, exemplar, sample, role) {
  if (role === "units") return role;
  const missing = nextRole(work, exemplar);
  if (role === "result" && missing === null) return "result";
  if (isErasing(work)) return role === "context" && rolesOf(work).includes(role) ? role : "mark";
  const pair = work.draft.exemplars[exemplar];
  if (pair?.object?.sample === sample && missing !== "context") return "object";
  if (pair?.paste?.sample === sample && missing === null) return "paste";
  return missing ?? "context";
}
