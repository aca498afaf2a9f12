// What the server sends.

const LITTLE = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Take a message apart: header, lengths and ids of runs (lengths null where ids has all pixels), JPEG. */
function readMessage(buffer) {
  const start = 4 + new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, start - 4)));
  const [width, height] = header.size_wh;
  const runs = header.runs;
  const lengths = runs === null ? null : readLengths(buffer, start, runs);
  const idsAt = runs === null ? start : start + 2 * runs;
  const ids = new Uint8Array(buffer, idsAt, runs === null ? width * height : runs);
  return { header, lengths, ids, jpeg: new Blob([new Uint8Array(buffer, idsAt + ids.length)], { type: "image/jpeg" }) };
}

function readLengths(buffer, start, runs) {
  if (LITTLE) return new Uint16Array(buffer, start, runs);
  const view = new DataView(buffer, start, 2 * runs);
  return Uint16Array.from({ length: runs }, (_, i) => view.getUint16(2 * i, true));
}

/** Fill RGBA pixels (one 32-bit word each) with the colours of the ids. */
function paintIds({ lengths, ids }, palette, pixels) {
  if (lengths === null) {
    for (let i = 0; i < ids.length; i++) pixels[i] = palette[ids[i]];
    return;
  }
  for (let i = 0, at = 0; i < ids.length; i++) {
    const end = at + lengths[i];
    pixels.fill(palette[ids[i]], at, end);
    at = end;
  }
}

/** Make the colour table, bytes R G B A: class 0 is clear in an overlay, ids without a class are light grey. */
function makePalette(classes, clearBackground) {
  const bytes = new Uint8ClampedArray(256 * 4).fill(200);
  for (let id = 0; id < 256; id++) bytes[4 * id + 3] = 255;
  classes.forEach((spec, id) => bytes.set([...spec.color_rgb, 255], 4 * id));
  if (clearBackground) bytes[3] = 0;
  return new Uint32Array(bytes.buffer);
}
