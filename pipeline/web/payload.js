/* Packed arrays of the page and where the cells lie: from text to typed arrays, without workers or requests. */
"use strict";

const SEABED_NOTHING = 65535; // not known, or outside

/* Bytes of a text that the program packed: base64 around deflate. */
async function seabedInflated(text) {
  const characters = atob(text), packed = new Uint8Array(characters.length);
  for (let i = 0; i < packed.length; i++) packed[i] = characters.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/* Whole numbers of planes of rows and columns: each was written as its difference from the mean of its left and upper neighbours. */
async function seabedUnpacked(text, rows, columns) {
  const bytes = await seabedInflated(text), count = bytes.length / 2, out = new Uint16Array(count), size = rows * columns;
  for (let start = 0, i = 0; start < count; start += size) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++, i++) {
        const zigzag = bytes[i] | (bytes[count + i] << 8);
        const left = column > 0 ? out[i - 1] : row > 0 ? out[i - columns] : 0, up = row > 0 ? out[i - columns] : left;
        out[i] = ((left + up) >> 1) + ((zigzag >>> 1) ^ -(zigzag & 1));
      }
    }
  }
  for (let i = 0; i < count; i++) out[i] -= 1; // 0 stands for NOTHING while packed
  return out;
}

/* Rings around the cells for which inside(cell) holds, as lists of [row, column] of corners; holes are rings too. */
function seabedOutline(rows, columns, inside) {
  const next = new Map(), wide = columns + 1; // from each corner: where the edges lead that have the cells on their right
  const holds = (row, column) => row >= 0 && column >= 0 && row < rows && column < columns && inside(row * columns + column);
  const edge = (from, to) => (next.has(from) ? next.get(from).push(to) : next.set(from, [to]));
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (!inside(row * columns + column)) continue;
      const corner = row * wide + column;
      if (!holds(row - 1, column)) edge(corner, corner + 1);
      if (!holds(row, column + 1)) edge(corner + 1, corner + 1 + wide);
      if (!holds(row + 1, column)) edge(corner + 1 + wide, corner + wide);
      if (!holds(row, column - 1)) edge(corner + wide, corner);
    }
  }
  // Where two cells touch at a corner the ring turns right, and so stays around one of them.
  const right = new Map([[1, wide], [wide, -1], [-1, -wide], [-wide, 1]]), rings = [];
  while (next.size > 0) {
    const first = next.keys().next().value, ring = [];
    let at = first, came = 0;
    do {
      const ways = next.get(at), to = ways.splice(Math.max(ways.indexOf(at + right.get(came)), 0), 1)[0];
      if (ways.length === 0) next.delete(at);
      if (to - at !== came) ring.push([Math.floor(at / wide), at % wide]); // corners only, no points along straight edges
      came = to - at;
      at = to;
    } while (at !== first);
    rings.push(ring);
  }
  return rings;
}
