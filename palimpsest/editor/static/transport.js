/**
 * How the page reaches the editor: here over the network. A notebook puts another module with the
 * same functions in the place of this one; no other module may ask the network for anything.
 */

/**
 * The channel of changes. `onText(text)`; `onOpen()`; `onClose(reason)`, where a reason (a sentence)
 * means that it is of no use to open it again. Returns `send(text)` and `state()`: "opening", "open"
 * or "closed".
 */
export function openChannel({ onText, onOpen, onClose }) {
  const address = new URL("changes", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address);
  socket.addEventListener("open", onOpen);
  socket.addEventListener("message", (event) => onText(event.data));
  socket.addEventListener("close", (event) => onClose(event.code >= 4400 ? event.reason : ""));
  return {
    send: (text) => socket.send(text),
    state: () => ["opening", "open", "closed", "closed"][socket.readyState],
  };
}

/** The `Response` of an address; `options` as for `fetch`. Rejects if there is no answer. */
export const request = (address, options = {}) => fetch(address, options);

/** What an `<img>` takes as the source of a picture's address. */
export const sourceOf = async (address) => address;

/** What a link to a file leads to: an address, or a Blob. Rejects if there is no such file. */
export const fileAt = async (address) => address;
