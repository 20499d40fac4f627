/**
 * A mask under the brush: white on transparent, 512 x 512 whatever the size on the screen, so that
 * neither the window's size nor the brush's changes what is painted. Coordinates are shares of the
 * picture's width, from the left top.
 */

import { loadImage } from "./dom.js";

export const SIDE = 512;
const LEAST_OPACITY = 8; // of 255; fainter rims count as nothing

export function createMask() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const ink = canvas.getContext("2d", { willReadFrequently: true });
  ink.lineCap = ink.lineJoin = "round";
  ink.strokeStyle = ink.fillStyle = "#fff";

  return {
    canvas,
    /** Line through `points` [[x, y], ...]; `size` is the brush's diameter as a share of the width. */
    stroke(points, size, erasing) {
      ink.globalCompositeOperation = erasing ? "destination-out" : "source-over";
      ink.lineWidth = size * SIDE;
      ink.beginPath();
      const [first, ...rest] = points;
      ink.moveTo(first[0] * SIDE, first[1] * SIDE);
      for (const [x, y] of rest.length ? rest : [first]) ink.lineTo(x * SIDE, y * SIDE + (rest.length ? 0 : 0.01));
      ink.stroke();
      ink.globalCompositeOperation = "source-over";
    },
    clear() {
      ink.clearRect(0, 0, SIDE, SIDE);
    },
    invert() {
      ink.globalCompositeOperation = "source-out";
      ink.fillRect(0, 0, SIDE, SIDE);
      ink.globalCompositeOperation = "source-over";
    },
    /** Add the picture of another mask. */
    async add(address) {
      ink.drawImage(await loadImage(address), 0, 0, SIDE, SIDE);
    },
    isEmpty() {
      const { data } = ink.getImageData(0, 0, SIDE, SIDE);
      for (let i = 3; i < data.length; i += 4) if (data[i] >= LEAST_OPACITY) return false;
      return true;
    },
    /** Data URL, or null for an empty mask. */
    encode() {
      return this.isEmpty() ? null : canvas.toDataURL("image/png");
    },
    toBlob: () => new Promise((resolve) => canvas.toBlob(resolve, "image/png")),
  };
}

/** A picture file as a mask's address: its brightness times its opacity, as in a session file. */
export async function maskOfFile(file) {
  const address = URL.createObjectURL(file);
  try {
    const image = await loadImage(address).catch(() => {
      throw new Error(`${file.name} is not a picture that this browser can read.`);
    });
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SIDE;
    const ink = canvas.getContext("2d");
    ink.drawImage(image, 0, 0, SIDE, SIDE);
    const pixels = ink.getImageData(0, 0, SIDE, SIDE);
    const { data } = pixels;
    for (let i = 0; i < data.length; i += 4) {
      const light = (0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]) / 255;
      data[i] = data[i + 1] = data[i + 2] = 255;
      data[i + 3] = Math.round(data[i + 3] * light);
    }
    ink.putImageData(pixels, 0, 0);
    return canvas.toDataURL("image/png");
  } finally {
    URL.revokeObjectURL(address);
  }
}

/**
 * Draw a mask as a tint with a rim that is seen on any ground. `faint`: the rim only; `quick`: the
 * tint only, for every frame of a stroke.
 */
export function drawMask(ink, source, colour, faint = false, quick = false) {
  const layer = tinted(source, colour);
  if (!faint) {
    ink.globalAlpha = 0.42;
    ink.drawImage(layer, 0, 0);
    ink.globalAlpha = 1;
  }
  if (quick) return;
  const white = tinted(source, "#fff");
  const rim = document.createElement("canvas");
  rim.width = rim.height = SIDE;
  const edge = rim.getContext("2d");
  for (const [image, width] of [[white, faint ? 2 : 3], [layer, faint ? 1 : 2]]) {
    for (let turn = 0; turn < 8; turn += 1) {
      const angle = (turn * Math.PI) / 4;
      edge.drawImage(image, width * Math.cos(angle), width * Math.sin(angle));
    }
  }
  edge.globalCompositeOperation = "destination-out";
  edge.drawImage(source, 0, 0, SIDE, SIDE);
  ink.globalAlpha = faint ? 0.8 : 1;
  ink.drawImage(rim, 0, 0);
  ink.globalAlpha = 1;
}

function tinted(source, colour) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const ink = canvas.getContext("2d");
  ink.drawImage(source, 0, 0, SIDE, SIDE);
  ink.globalCompositeOperation = "source-in";
  ink.fillStyle = colour;
  ink.fillRect(0, 0, SIDE, SIDE);
  return canvas;
}

/** What a role's things are drawn in, from the style sheet. */
export const colourOf = (role) => getComputedStyle(document.documentElement).getPropertyValue(`--${role}`).trim();
