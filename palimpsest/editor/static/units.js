/**
 * The units of the layer at hand that fit a painted place, each switched off or on there. This changes
 * the one picture, at this place, and is no part of a rule.
 */

import { ask, pictureAddress, relative } from "./connection.js";
import { at, make, setPicture } from "./dom.js";
import { unitPlaceOn } from "./roles.js";

const STATES = [["off", "Off", "Silent at this place"], ["drawn", "As is", "As the generator draws it"], ["on", "On", "As high as in one of a thousand places"]];
const FEW = 8;
const MANY = 24;

/** "off", "on" or "drawn": the state of a unit at a place. */
const stateOf = (place, unit) => (place.off.includes(unit) ? "off" : place.on.includes(unit) ? "on" : "drawn");

/** `show(sample, role)` opens a picture. */
export function createUnits(store, wire, show) {
  const box = at("units");
  const list = at("units-list");
  let asked = ""; // what the list is of
  let listed = null; // the units of the place, or null
  let count = FEW;

  // beside the picture, or below it where there is one column
  const narrow = matchMedia("(max-width: 44rem), (max-width: 68rem) and (max-height: 30rem)");
  const settle = () => (narrow.matches ? at("picture").append(box) : at("panel").prepend(box));
  narrow.addEventListener("change", settle);
  settle();

  /** A choice of the three states, for one unit or for several. */
  function choice(name, label, units) {
    const send = (to) => wire.send("switch", { sample: store.value.open, units, to });
    return make("span", { class: "choice uneven", role: "radiogroup", "aria-label": label }, ...STATES.map(([state, word, title]) =>
      make("label", { title }, make("input", { type: "radio", name, value: state, onchange: () => send(state) }), make("span", {}, word))));
  }

  function row({ unit, energy, map }, work) {
    const [picture, heat] = [make("img", { alt: "" }), make("img", { class: "heat", alt: "" })];
    setPicture(picture, pictureAddress(work.original, listed.sample));
    setPicture(heat, relative(map));
    const times = `${energy < 10 ? energy.toFixed(1) : Math.round(energy)} ×`;
    return make("li", { class: "unit", data: { unit } },
      make("span", { class: "map", title: "Where the unit is active" }, picture, heat),
      make("span", { class: "which", title: `${times} its usual energy at this place` }, `Unit ${unit}`, make("small", {}, times)),
      choice(`unit-${unit}`, `Unit ${unit}`, [unit]));
  }

  /** Units one below the other, and a choice for all of them. */
  function group(name, title, units, work) {
    const all = make("li", { class: "unit all" }, make("span", { class: "which" }, title), choice(`units-${name}`, title, units.map(({ unit }) => unit)));
    return [all, ...units.map((unit) => row(unit, work))];
  }

  function fill(work) {
    const fitting = listed.units.filter((unit) => unit.fits);
    const others = listed.units.filter((unit) => !unit.fits);
    list.replaceChildren(...group("fitting", `Best ${fitting.length}`, fitting, work),
      ...(others.length ? group("others", "Switched too", others, work) : []));
    at("units-more").textContent = count === FEW ? "More units" : "Fewer units";
  }

  function mark(place) {
    for (const one of list.querySelectorAll("[data-unit]")) {
      one.querySelector(`[value="${stateOf(place, Number(one.dataset.unit))}"]`).checked = true;
    }
    for (const [name, fits] of [["fitting", true], ["others", false]]) {
      const states = new Set(listed.units.filter((unit) => unit.fits === fits).map(({ unit }) => stateOf(place, unit)));
      for (const input of list.querySelectorAll(`[name="units-${name}"]`)) input.checked = states.size === 1 && states.has(input.value);
    }
  }

  async function follow({ work, open, role }) {
    box.hidden = role !== "units" || open === null || !work;
    if (box.hidden) return;
    at("units-layer").textContent = `layer ${work.layer}`;
    const place = unitPlaceOn(work, open);
    at("units-empty").hidden = Boolean(place);
    for (const part of [list, at("units-more")]) part.hidden = !place;
    places(work);
    if (!place) {
      [asked, listed] = ["", null];
      return list.replaceChildren();
    }
    const used = work.unit_places.filter((one) => one.layer === work.layer && one !== place).map((one) => [one.off, one.on]);
    const now = JSON.stringify([work.model.name, work.layer, place.place, count, used, work.statistics.ready]);
    if (now !== asked) {
      asked = now;
      try {
        const found = await ask(`units/${work.layer}/${open}.json?count=${count}`);
        if (asked !== now) return;
        listed = found;
        fill(work);
      } catch (problem) {
        if (asked !== now) return;
        asked = "";
        return store.set({ alert: problem.message });
      }
    }
    const latest = unitPlaceOn(store.value.work, store.value.open);
    if (listed && latest) mark(latest);
  }

  /** All places with switched units, in every picture and layer. */
  function places(work) {
    const kept = work.unit_places.filter((one) => one.off.length || one.on.length);
    at("units-places").hidden = !kept.length;
    at("units-places").querySelector("ul").replaceChildren(...kept.map((one) => {
      const { sample } = one.place;
      const counts = [["off", one.off.length], ["on", one.on.length]].filter(([, n]) => n).map(([state, n]) => `${n} ${state}`).join(", ");
      return make("li", {},
        make("button", { type: "button", class: "quiet small", onclick: () => show(sample, "units") }, `Sample ${sample}`),
        make("span", { class: "soft" }, one.layer === work.layer ? counts : `layer ${one.layer}: ${counts}`),
        make("button", { type: "button", class: "icon small", icon: "close", "aria-label": `Switch nothing on sample ${sample}`, title: "Switch nothing there",
          onclick: () => wire.send("select", { role: "units", sample, layer: one.layer, mask: null }) }));
    }));
  }

  at("units-more").addEventListener("click", () => {
    count = count === FEW ? MANY : FEW;
    follow(store.value);
  });
  store.watch(["work", "open", "role"], follow);
}
