/** Opening and saving: sessions, edits, sheets of before and after. */

import { ask } from "./connection.js";
import { nameOf } from "./names.js";
import { at, chooseFile, make, saveAs } from "./dom.js";
import { isPicture, putIn } from "./photographs.js";

/** Fill the page's dialog and show it. `content` receives a function that closes it. */
export function showDialog(title, content) {
  const dialog = at("dialog");
  const close = () => dialog.close();
  dialog.replaceChildren(make("h2", { id: "dialog-title" }, title), ...content(close).filter(Boolean));
  if (!dialog.open) dialog.showModal();
  // a click beside it; a handler that returned false would cancel the form's own clicks
  dialog.onclick = (event) => {
    if (event.target === dialog && !dialog.querySelector("input")) close(); // nothing typed is lost
  };
}

const WHERE = { saved: "saved as", drawn: "from the pipeline:", example: "example" };

/** `show(sample, role)` opens a picture. */
export function createFiles(store, wire, show) {
  const fault = (problem) => store.set({ alert: problem.message });

  function begin(name) {
    if (wire.send("open", { name }) === null) return fault(new Error("There is no connection; try again in a moment."));
    opening = true;
    store.set({ exemplar: 0, alert: null });
  }

  // a session that was opened is seen at its first pasted place, half before and half after
  let opening = false;
  store.watch(["work", "alert"], ({ work, alert }) => {
    if (alert) opening = false;
    if (!opening || !work?.draft.complete) return;
    opening = false;
    store.set({ wipe: 50 });
    show(work.draft.exemplars[0].paste.sample, "result");
  });

  async function example() {
    try {
      const { sessions } = await ask("sessions");
      const fitting = sessions.filter((session) => session.fits !== false);
      const found = fitting.find((session) => session.where === "example") ?? fitting.find((session) => session.where === "drawn") ?? fitting[0];
      if (found) begin(found.name);
      else {
        const { model, models } = store.value.work;
        fault(new Error(`There is no example for ${model.title}.${models.length > 1 ? " Choose another generator." : ""}`));
      }
    } catch (problem) {
      fault(problem);
    }
  }

  async function open() {
    let sessions;
    try {
      ({ sessions } = await ask("sessions"));
    } catch (problem) {
      return fault(problem);
    }
    showDialog("Open", (close) => [
      make("div", { class: "choices" }, ...(sessions.length ? sessions.map((session) =>
        make("button", { type: "button", class: "quiet", disabled: session.fits === false, onclick: () => {
          close();
          begin(session.name);
        } }, session.title || session.name, make("span", { class: "soft" }, session.fits !== false ? `${WHERE[session.where] ?? session.where} ${session.name}` : "does not fit")))
        : [make("p", { class: "soft" }, "No session is saved for this generator yet.")])),
      store.value.work?.model.photographs ? make("p", { class: "soft" }, "A picture of yours becomes a sample: choose its file, or drop it on the page.") : null,
      make("div", { class: "ends" },
        make("button", { type: "button", onclick: () => (close(), upload()) }, "From a file…"),
        make("button", { type: "button", onclick: () => (close(), wire.send("new")) }, "Start empty"),
        make("button", { type: "button", onclick: close }, "Cancel")),
    ]);
  }

  async function upload(file = null) {
    const chosen = file ?? (await chooseFile(`.json,.safetensors${store.value.work?.model.photographs ? ",image/*" : ""}`));
    if (!chosen) return;
    if (isPicture(chosen)) return putIn(chosen).catch(fault);
    const kind = chosen.name.endsWith(".safetensors") ? "edits" : "sessions";
    opening = kind === "sessions";
    try {
      await ask(`${kind}/upload?name=${encodeURIComponent(chosen.name)}`, { method: "POST", body: chosen });
      if (kind === "sessions") store.set({ exemplar: 0 });
    } catch (problem) {
      opening = false;
      fault(problem);
    }
  }

  function save() {
    const { work, numbers } = store.value;
    if (!work) return;
    const complete = work.draft.complete;
    showDialog("Save", (close) => {
      const name = make("input", { type: "text", name: "name", value: work.draft.name, required: true, maxlength: 100, title: "Name of the file; other signs than letters, digits, _ . and - become -", autocomplete: "off" });
      const title = make("input", { type: "text", name: "title", value: work.draft.title ?? "", maxlength: 300, autocomplete: "off" });
      const words = make("p", { class: "fault", role: "alert" });
      const button = make("button", { type: "submit", class: "main", disabled: !complete }, "Save the session");
      let overwrite = false;
      name.addEventListener("input", () => {
        overwrite = false;
        words.textContent = "";
        button.replaceChildren("Save the session");
      });
      const form = make("form", { method: "dialog", onsubmit: async (event) => {
        event.preventDefault();
        try {
          const saved = await ask(`sessions/${encodeURIComponent(nameOf(name.value))}`, {
            method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ title: title.value.trim() || null, overwrite }),
          });
          store.set({ notice: `Saved as ${saved.file}` });
          close();
        } catch (problem) {
          words.textContent = problem.message;
          if (problem.status === 409) {
            overwrite = true;
            button.replaceChildren("Overwrite it");
          }
        }
      } },
      make("label", { class: "rows" }, "Name", name), make("label", { class: "rows" }, "What it does", title), words,
      complete ? null : make("p", { class: "soft" }, work.rules.length ? "To save a kept rule, take it up again first: the brush beside its name." : "A session needs something copied and a place to paste it, or a mark to erase."),
      make("div", { class: "ends" }, make("button", { type: "button", onclick: close }, "Cancel"), button));
      const sheet = (numbers ?? [0, 1, 2, 3, 4, 5, 6, 7]).slice(0, 24).join(",");
      const download = (address, file, words, on) => make("button", { type: "button", disabled: !on, onclick: () => saveAs(address, file).catch(fault) }, words);
      return [form, make("h3", { class: "soft" }, "Download"),
        make("p", { class: "soft" }, "Session: what you painted. Edit: this rule alone, some kilobytes. Weights: the generator with all rules."), make("div", { class: "ends start" },
        download("downloads/session.json", `${work.draft.name}.json`, "Session", complete),
        download("downloads/edit.safetensors", `${work.draft.name}.safetensors`, "Edit", complete),
        download("downloads/weights.safetensors", `${work.model.name}-edited.safetensors`, "Weights", work.hash !== work.original),
        download(`downloads/sheet.png?samples=${sheet}`, `${work.model.name}-before-after.png`, "Before and after", true))];
    });
  }

  at("open").addEventListener("click", open);
  at("save").addEventListener("click", save);
  at("example").addEventListener("click", example);
  let hovering = 0;
  const dropping = (on) => document.body.classList.toggle("dropping", on);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    if (!event.dataTransfer?.types.includes("Files")) return;
    dropping(true);
    clearTimeout(hovering);
    hovering = setTimeout(() => dropping(false), 400); // leaving the window is told to nobody
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    dropping(false);
    const file = event.dataTransfer?.files[0];
    if (file) upload(file);
  });
  return { open, save };
}
