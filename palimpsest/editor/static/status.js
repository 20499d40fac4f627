/** The line that says what the last change cost and did; progress; a fault as one sentence. */

import { at } from "./dom.js";

const share = (value) => `${(100 * value).toFixed(1)} %`;
/** .054, 1.2, 31: two or three figures, without a leading zero, as the paper prints them. */
export const figure = (value) => Number(value.toPrecision(value < 1 ? 2 : 3)).toString().replace(/^0\./, ".");

const MEANS = "Time until the edit was solved; distance from the goal before and after, smaller is nearer; how much all other places change; pictures drawn";

/** The sentence for a report and what was drawn after it. */
export function sentence(report, drawn) {
  if (!report) return "";
  if (report.problem) return report.problem;
  if (report.missing === "object") return "Nothing copied yet.";
  if (report.missing === "mark") return "Paint over what should go.";
  if (report.missing === "paste") return "Copied. Now paint where it should go, in another picture.";
  const parts = [`${Math.round(report.ms)} ms`];
  if (report.goal_before !== null) parts.push(`goal ${figure(report.goal_before)} → ${figure(report.goal_after)}`);
  if (report.elsewhere !== null) parts.push(`elsewhere ${share(report.elsewhere)}`);
  if (drawn) parts.push(`${drawn.pictures} ${drawn.pictures === 1 ? "picture" : "pictures"} in ${Math.round(drawn.ms)} ms`);
  return parts.join("; ") + (report.provisional ? " (for now: statistics are still collected)" : "");
}

export function createStatus(store, wire) {
  store.watch(["work", "report", "drawn", "online", "lost", "waiting"], ({ work, report, drawn, online, lost, waiting }) => {
    const line = at("status");
    line.title = work?.draft.complete ? MEANS : "";
    line.classList.toggle("fault", Boolean(lost || (work && report?.hash === work.hash && report.problem)));
    if (lost) line.textContent = lost;
    else if (!online) line.textContent = work ? "The connection is lost; trying again. What you painted is kept." : "Connecting…";
    else if (!work) line.textContent = "Loading the generator…";
    else if (waiting) line.textContent = waiting;
    else if (report?.hash === work.hash && (work.draft.complete || report.missing || report.problem) && work.draft.exemplars.some((pair) => pair.object || pair.paste)) {
      line.textContent = sentence(report, drawn?.hash === work.hash ? drawn : null);
    } else if (work.draft.complete) line.textContent = "Solving…";
    else if (work.draft.erase) line.textContent = "Erase: paint over what should go, in one or more pictures.";
    else if (work.rules.length) line.textContent = `${work.rules.filter((rule) => rule.on).length} of ${work.rules.length} rules on`;
    else if (work.unit_places.some((one) => one.off.length || one.on.length)) line.textContent = `${work.model.title}: units are switched, and no rule yet`;
    else line.textContent = `${work.model.title}: no rule yet`;
    at("busy").classList.toggle("on", Boolean(waiting || (online && work && drawn?.hash !== work.hash)));
  });
  store.watch(["progress", "work"], ({ progress, work }) => {
    const box = at("progress");
    const known = progress && progress.done < progress.total;
    const photograph = work?.putting_in;
    box.hidden = !known && !work?.improving && !photograph;
    if (box.hidden) return;
    const [bar, words, stop] = box.children;
    const title = known ? progress.title : photograph ? `${photograph}: looking for its place` : "Searching for the best edit";
    bar.setAttribute("aria-label", title);
    if (known) bar.value = progress.done / progress.total;
    else bar.removeAttribute("value");
    words.textContent = known ? `${title}: ${Math.round(100 * bar.value)} %` : title;
    stop.hidden = !work?.improving && !photograph;
  });
  at("stop").addEventListener("click", () => {
    const { progress, work } = store.value;
    const photograph = work?.putting_in && (!work.improving || progress?.what === "photograph");
    wire.send("stop", { what: photograph ? "photograph" : "improve" });
  });
  let timer = 0;
  store.watch(["alert", "notice"], ({ alert, notice }, changed) => {
    const words = alert ?? notice;
    at("alert").hidden = !words;
    at("alert").classList.toggle("notice", !alert);
    at("alert").firstElementChild.textContent = words ?? "";
    clearTimeout(timer);
    if (!alert && notice) timer = setTimeout(() => store.set({ notice: null }), 6000);
  });
  at("alert").querySelector("button").addEventListener("click", () => store.set({ alert: null, notice: null }));
}
