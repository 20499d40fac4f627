/** The grid of samples: 24 at first, more on scrolling, or those asked for by number. */

import { heatAddress } from "./connection.js";
import { at, make, setPicture } from "./dom.js";
import { parseNumbers } from "./numbers.js";
import { showIn } from "./pictures.js";
import { isPhotograph, photographOf, titleOf } from "./photographs.js";
import { isErasing, marksOf } from "./roles.js";

const PAGE = 24;
const MOST_WANTED = 200; // samples in one `show`

export function createGallery(store, wire, pictures, open) {
  const tiles = new Map(); // sample → its button
  const visible = new Set();
  const grid = at("tiles");
  let wanted = PAGE;
  let listed = [];
  let timer = 0;
  let told = ""; // the samples of the last "show"
  let begun = false; // whether the first tiles are there

  const sight = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const sample = Number(entry.target.dataset.sample);
      if (entry.isIntersecting) visible.add(sample);
      else visible.delete(sample);
    }
    ask();
  }, { rootMargin: "150px", scrollMargin: "150px" });
  const end = new IntersectionObserver((entries) => {
    if (!entries.at(-1).isIntersecting || !store.value.work || !listed.length) return;
    const all = store.value.numbers ?? store.value.matches;
    if (wanted < (all ? all.length : store.value.work.model.samples)) {
      wanted += PAGE;
      list(store.value);
      mark(store.value);
      look();
    }
  });
  /** Observed anew, the end reports again if there is still room below the tiles. */
  function look() {
    end.unobserve(at("more"));
    end.observe(at("more"));
  }

  /** Tell the server what one sees, the open picture first. */
  function ask(now = false) {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const { open: large, work } = store.value;
      if (!work) return;
      const seen = listed.filter((sample) => visible.has(sample));
      const samples = [...new Set([...(large === null ? [] : [large]), ...seen])];
      // said again, it would make the server begin anew
      if (!samples.length || samples.join() === told) return;
      if (wire.send("show", { samples: samples.slice(0, MOST_WANTED) }) !== null) told = samples.join();
    }, now ? 0 : 60);
  }

  function tileOf(sample) {
    const tile = make("button", { type: "button", class: "tile", tabindex: "-1", data: { sample, ...(isPhotograph(sample) ? { photograph: "" } : {}) } },
      make("img", { class: "before", alt: "", draggable: "false" }),
      make("img", { class: "after", alt: "", draggable: "false" }),
      make("img", { class: "heat", alt: "", draggable: "false" }),
      make("span", { class: "dots" }),
      make("span", { class: "number", "aria-hidden": "true" }, isPhotograph(sample) ? "photo" : String(sample)));
    tile.addEventListener("click", () => {
      stop(tile);
      open(sample);
    });
    return tile;
  }

  function list({ work, numbers, matches }) {
    if (!work) return;
    const all = numbers ?? matches;
    const samples = all ? all.slice(0, wanted) : Array.from({ length: Math.min(wanted, work.model.samples) }, (_, sample) => sample);
    listed = numbers ? samples : [...work.photographs.map((one) => one.number), ...samples];
    const keep = new Set(listed);
    for (const [sample, tile] of tiles) {
      if (keep.has(sample)) continue;
      sight.unobserve(tile);
      visible.delete(sample);
      tiles.delete(sample);
    }
    for (const sample of listed) {
      if (tiles.has(sample)) continue;
      tiles.set(sample, tileOf(sample));
      sight.observe(tiles.get(sample));
    }
    const ordered = listed.map((sample) => tiles.get(sample));
    if (ordered.some((tile, i) => grid.children[i] !== tile) || grid.children.length !== ordered.length) grid.replaceChildren(...ordered);
    if (!grid.querySelector('[tabindex="0"]') && ordered[0]) ordered[0].tabIndex = 0;
    listed.forEach(draw);
    if (!begun) look();
    begun = true;
  }

  function draw(sample) {
    const tile = tiles.get(sample);
    const { work } = store.value;
    if (!tile || !work) return;
    const [before, after] = tile.children;
    const newest = pictures.newest(sample);
    const heat = tile.querySelector(".heat");
    if (!store.value.heat || isPhotograph(sample)) setPicture(heat, null);
    else if (newest) setPicture(heat, heatAddress(store.value.heat, sample));
    const failed = (words = "could not be drawn") => {
      if (!tile.querySelector(".failed")) tile.append(make("span", { class: "failed" }, words));
    };
    if (newest) {
      tile.querySelector(".failed")?.remove();
      showIn(before, work.original, sample, failed);
      showIn(after, newest, sample);
    }
    const unfit = photographOf(work, sample)?.fits === false;
    if (unfit) failed("not drawn with this rule; open it");
    tile.toggleAttribute("data-unfit", unfit);
    tile.toggleAttribute("data-late", Boolean(newest) && newest !== work.hash && !unfit);
  }

  /** Small dots on samples that the draft uses. */
  function mark({ work, exemplar, open: large }) {
    if (!work) return;
    const roles = new Map();
    const add = (selection, role) => selection && roles.set(selection.sample, [...(roles.get(selection.sample) ?? []), role]);
    const pair = work.draft.exemplars[exemplar];
    if (isErasing(work)) for (const place of marksOf(work)) add(place, "mark");
    else {
      add(pair?.object, "object");
      add(pair?.paste, "paste");
    }
    for (const place of work.draft.context) add(place, "context");
    for (const one of work.unit_places) if (one.off.length || one.on.length) add(one.place, "units");
    for (const [sample, tile] of tiles) {
      const found = roles.get(sample) ?? [];
      tile.querySelector(".dots").replaceChildren(...found.map((role) => make("i", { data: { role } })));
      const names = { object: "copied from", paste: "pasted here", context: "context", mark: "marked", units: "units switched" };
      const what = isPhotograph(sample) ? `Photograph ${titleOf(work, sample)}` : titleOf(work, sample);
      tile.setAttribute("aria-label", [what, ...found.map((role) => names[role])].join(", "));
      if (sample === large) tile.setAttribute("aria-current", "true");
      else tile.removeAttribute("aria-current");
    }
  }

  function stop(tile) {
    for (const other of grid.querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    tile.tabIndex = 0;
  }
  grid.addEventListener("keydown", (event) => {
    const here = [...grid.children].indexOf(event.target);
    if (here < 0) return;
    const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns, Home: -here, End: grid.children.length - 1 - here }[event.key];
    const tile = by === undefined ? null : grid.children[here + by];
    if (by === undefined) return;
    event.preventDefault();
    if (!tile) return;
    stop(tile);
    tile.focus();
  });

  at("jump").addEventListener("submit", (event) => event.preventDefault());
  at("numbers").addEventListener("change", () => jump());
  at("numbers").addEventListener("keydown", (event) => event.key === "Enter" && jump());
  at("all").addEventListener("click", () => {
    at("numbers").value = "";
    jump();
    at("numbers").focus();
  });
  function jump() {
    const fault = at("numbers-fault");
    fault.hidden = true;
    try {
      const numbers = parseNumbers(at("numbers").value, store.value.work.model.samples);
      wanted = PAGE;
      begun = false;
      store.set({ numbers: numbers.length ? numbers : null });
      at("all").hidden = !numbers.length;
      at("gallery").scrollTop = 0;
    } catch (problem) {
      fault.textContent = problem.message;
      fault.hidden = false;
    }
    at("numbers").setAttribute("aria-invalid", !fault.hidden);
  }

  store.watch(["work", "numbers", "matches", "heat"], list);
  store.watch(["work", "open", "exemplar", "numbers", "matches"], mark);
  store.watch(["open"], () => ask(true));
  store.watch(["online", "work"], (value, changed) => {
    if (!changed.has("online")) return;
    told = "";
    if (value.online) ask(true);
  });
  pictures.watch(draw);
  return {
    ask,
    /** Another model: nothing shown so far holds. */
    reset() {
      wanted = PAGE;
      begun = false;
      told = "";
      for (const tile of tiles.values()) sight.unobserve(tile);
      tiles.clear();
      visible.clear();
      grid.replaceChildren();
    },
  };
}
