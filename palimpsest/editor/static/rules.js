/** The rules kept: a switch, a strength, an order, a cross. */

import { at, make } from "./dom.js";

export function createRules(store, wire) {
  const rows = new Map(); // id → its row

  function rowOf(rule) {
    const { id } = rule;
    const now = () => store.value.work.rules;
    const place = () => now().findIndex((other) => other.id === id);
    const row = make("li", { class: "kept", data: { rule: id } },
      make("input", { type: "checkbox", role: "switch", class: "switch", onchange: (event) => wire.send("rule", { rule: id, on: event.target.checked }) }),
      make("span", { class: "title" }),
      make("span", { class: "order" },
        make("button", { type: "button", class: "icon small up", icon: "up", title: "Earlier", onclick: () => wire.send("move_rule", { rule: id, to: place() - 1 }) }),
        make("button", { type: "button", class: "icon small down", icon: "down", title: "Later", onclick: () => wire.send("move_rule", { rule: id, to: place() + 1 }) }),
        rule.kind === "session" ? make("button", { type: "button", class: "icon small again", icon: "brush", title: "Paint on at this rule", onclick: () => wire.send("draft_of", { rule: id }) }) : null),
      make("button", { type: "button", class: "icon small remove", icon: "close", title: "Remove", onclick: () => wire.send("remove_rule", { rule: id }) }),
      make("span", { class: "slide" },
        make("input", { type: "range", min: 0, max: 2, step: 0.05, oninput: (event) => {
          event.target.nextElementSibling.value = Number(event.target.value).toFixed(2);
          wire.send("rule", { rule: id, strength: Number(event.target.value) });
        } }), make("output", {})));
    return row;
  }

  function fill(row, rule, i, count) {
    const label = rule.title || rule.name;
    row.toggleAttribute("data-off", !rule.on);
    const [box, title] = row.children;
    box.checked = rule.on;
    box.setAttribute("aria-label", `${label}, on`);
    title.title = label;
    title.replaceChildren(label, make("small", {}, `layer ${rule.layer}`));
    const slider = row.querySelector("[type=range]");
    if (document.activeElement !== slider) slider.value = rule.strength;
    slider.setAttribute("aria-label", `Strength of ${label}`);
    slider.nextElementSibling.value = rule.strength.toFixed(2);
    for (const [name, words] of [["up", "Move up"], ["down", "Move down"], ["again", "Paint on at"], ["remove", "Remove"]]) {
      row.querySelector(`.${name}`)?.setAttribute("aria-label", `${words} ${label}`);
    }
    row.querySelector(".up").disabled = i === 0;
    row.querySelector(".down").disabled = i === count - 1;
  }

  store.watch(["work"], ({ work }) => {
    if (!work) return;
    const kept = new Set(work.rules.map((rule) => rule.id));
    for (const id of rows.keys()) if (!kept.has(id)) rows.delete(id);
    const list = work.rules.map((rule) => {
      if (!rows.has(rule.id)) rows.set(rule.id, rowOf(rule));
      return rows.get(rule.id);
    });
    const box = at("rules");
    const focus = document.activeElement;
    if (box.children.length !== list.length || list.some((row, i) => box.children[i] !== row)) {
      box.replaceChildren(...list);
      if (box.contains(focus)) focus.focus();
    }
    work.rules.forEach((rule, i) => fill(list[i], rule, i, list.length));
    at("no-rules").hidden = list.length > 0;
  });
}
