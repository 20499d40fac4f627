/** The page's parts, put together. */

import { connect } from "./connection.js";
import { at, drawGlyphs, make } from "./dom.js";
import { createEasel } from "./easel.js";
import { createErasing } from "./erasing.js";
import { createFiles } from "./files.js";
import { createGallery } from "./gallery.js";
import { createHints } from "./hints.js";
import { createKeys } from "./keys.js";
import { createMatches } from "./matches.js";
import { createPhotographs } from "./photographs.js";
import { createPicture } from "./picture.js";
import { createPictures } from "./pictures.js";
import { createRules } from "./rules.js";
import { createSettings } from "./settings.js";
import { createStatus } from "./status.js";
import { createStore } from "./store.js";
import { createTrays } from "./trays.js";
import { createUnits } from "./units.js";

drawGlyphs();
const store = createStore();
const pictures = createPictures();
const receive = {
  state(message) {
    const before = store.value.work;
    if (before && before.model.name !== message.model.name) {
      pictures.forget();
      gallery.reset();
      store.set({ open: null, exemplar: 0, role: "object", numbers: null, matches: null, heat: null, report: null, drawn: null });
    }
    // what a person was told about an earlier change has been read
    store.set(wire.owns(message.answers) ? { work: message, alert: null } : { work: message });
    document.body.dataset.revision = message.revision;
    easel.answered(message.answers);
    gallery.ask(true);
  },
  picture: ({ hash, sample }) => hash === store.value.work?.hash && pictures.arrived(hash, sample),
  report: (message) => store.set({ report: message }),
  drawn: (message) => store.set({ drawn: message }),
  progress: (message) => store.set({ progress: message }),
  error(message) {
    store.set({ alert: message.message });
    easel.refused(message.answers);
  },
};
const wire = connect({
  onMessage: (message) => receive[message.type]?.(message),
  onLine: (online, reason = "") => store.set({ online, lost: reason || null }),
});
const easel = createEasel(store, wire);
const picture = createPicture(store, pictures, easel);
const gallery = createGallery(store, wire, pictures, picture.open);
const show = (sample, role) => {
  picture.open(sample);
  store.set({ role });
  setView("pictures");
};
createTrays(store, wire, show);
createUnits(store, wire, show);
createErasing(store, wire);
createSettings(store, wire);
createRules(store, wire);
createStatus(store, wire);
createHints(store);
createMatches(store);
createPhotographs(store, wire, picture.close);
createKeys(store, wire, createFiles(store, wire, show), easel);

let models = "";
store.watch(["work"], ({ work }) => {
  if (!work) return;
  const listed = work.models.join();
  if (listed !== models) {
    models = listed;
    at("model").replaceChildren(...work.models.map((name) => make("option", { value: name }, name.replaceAll("_", " "))));
  }
  at("model").value = work.model.name;
});
at("model").addEventListener("change", (event) => wire.send("model", { name: event.target.value }));

/** On a phone: the pictures or the rule. */
function setView(view) {
  document.body.dataset.view = view;
  for (const button of document.querySelectorAll(".views button")) button.setAttribute("aria-pressed", button.dataset.view === view);
}
for (const button of document.querySelectorAll(".views button")) button.addEventListener("click", () => setView(button.dataset.view));
