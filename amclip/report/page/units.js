// Whose behaviour it is: a unit is a video, or one animal in it where the run tells its animals apart. Each has curves,
// corrections and what was checked of its own.

/** All units of a run: those of the first video, then those of the second, and so on. */
function unitsOf(run) {
  return run.videos.flatMap((about, video) => {
    const { duration, scores } = about;
    const all = [[0, duration]];
    const whole = { video, duration, scores, subject: "", label: "", name: about.video, place: 0, present: all, absent: [] };
    const animals = about.subjects.map((animal, place) => {
      const name = JSON.stringify([about.video, animal.subject]); // of both: an animal of one name may be in several videos
      const label = animal.subject || "the whole scene"; // which may be scored beside its animals
      return { ...whole, ...animal, label, name, place, absent: withoutIntervals(all, animal.present) };
    });
    return animals.length ? animals : [whole];
  });
}

/** A colour per animal, bright, since it is seen on pictures; neighbours get hues far apart. */
const animalColour = (place) => `oklch(0.8 0.16 ${(place * 137.5 + 60) % 360})`;

/**
 * Boxes of an animal, as amclip/report/boxes.py packs them: numbers of seven bits a byte, the lowest first, the eighth says
 * that more follow. Stretches of frames without a gap, each: frames since the one before, how many knots, and of each knot
 * the frames since the one before (but for the first) and by how many pixels left, top, right and bottom differ from it.
 *
 * @returns { frames, sides, begins }: of each knot the frame, four sides in pixels, and whether it begins a stretch
 */
function boxesOf(base64) {
  const bytes = decode(base64, Uint8Array);
  let place = 0;
  const number = () => {
    let [value, unit] = [0, 1];
    for (; bytes[place] >= 128; unit *= 128) value += (bytes[place++] - 128) * unit;
    return value + bytes[place++] * unit;
  };
  const signed = () => {
    const value = number();
    return value % 2 ? -(value + 1) / 2 : value / 2;
  };
  const [frames, sides, begins] = [[], [], []];
  let frame = 0;
  const box = [0, 0, 0, 0];
  while (place < bytes.length) {
    frame += number();
    for (let knots = number(), k = 0; k < knots; k++) {
      if (k) frame += number();
      for (let side = 0; side < 4; side++) box[side] += signed();
      frames.push(frame);
      sides.push(...box);
      begins.push(k === 0);
    }
  }
  return { frames: Int32Array.from(frames), sides: Int32Array.from(sides), begins };
}

/** The box of a frame: [left, top, right, bottom] in pixels, between knots on a straight line; null where there is none. */
function boxAt({ frames, sides, begins }, frame) {
  const knot = lastNotAbove(frames, frame);
  if (knot < 0) return null;
  const from = sides.subarray(4 * knot, 4 * knot + 4);
  if (frames[knot] === frame) return [...from];
  if (knot + 1 === frames.length || begins[knot + 1]) return null;
  const share = (frame - frames[knot]) / (frames[knot + 1] - frames[knot]);
  return [...from].map((side, k) => side + share * (sides[4 * knot + 4 + k] - side));
}

const LABEL = 16; // pixels: height of a name beside its box

/**
 * Where the names of boxes go: above each, or wherever beside or in it no other name lies.
 *
 * @param tags box [left, top, right, bottom] and width of each name; the first ones choose first
 * @param area left, top, right and bottom of the picture, which names stay in
 * @returns [x, y] of each name's upper left corner
 */
function placeTags(tags, [left, top, right, bottom]) {
  const placed = [];
  const shared = (x, y, wide) =>
    placed.reduce((sum, [u, v, w]) => {
      const across = Math.min(x + wide, u + w) - Math.max(x, u);
      const down = LABEL - Math.abs(y - v);
      return sum + (across > 0 && down > 0 ? across * down : 0);
    }, 0);
  for (const { box: [a, b, c, d], wide } of tags) {
    const [begin, end] = [a - 1, c + 1 - wide];
    const rows = [b - LABEL, d, b, d - LABEL]; // above, below, and inside
    for (let step = 2; step <= tags.length; step++) rows.push(b - step * LABEL, d + (step - 1) * LABEL);
    const places = rows.flatMap((y) => [[begin, y], [end, y]]);
    places.splice(4, 0, [a - wide, b], [c, b], [a - wide, d - LABEL], [c, d - LABEL]); // beside
    const inside = places.filter(([x, y]) => x >= left && x + wide <= right && y >= top && y + LABEL <= bottom);
    const clamped = [clamp(begin, left, Math.max(left, right - wide)), clamp(b - LABEL, top, Math.max(top, bottom - LABEL))];
    let best = null;
    for (const [x, y] of [...inside, clamped]) {
      const hidden = shared(x, y, wide);
      if (best === null || hidden < best.hidden) best = { x, y, hidden };
      if (!hidden) break;
    }
    placed.push([best.x, best.y, wide]);
  }
  return placed.map(([x, y]) => [x, y]);
}

/**
 * Draw the boxes of a frame over the video, in the place that its picture has within the element.
 *
 * @param video the video element
 * @param size width and height of the picture that boxes are told for, in pixels; null: as the video element says
 * @param units those of the video; `chosen` is the one that is worked with
 * @param boxes of each of them, or null
 * @param frame the one on screen; null: none is
 */
function drawBoxes(canvas, video, size, units, boxes, chosen, frame) {
  const { clientWidth: width, clientHeight: height } = canvas.parentElement;
  const pen = prepare(canvas, width, height);
  const { videoWidth: w, videoHeight: h } = video;
  if (frame === null || !w) return;
  const scale = Math.min(video.clientWidth / w, video.clientHeight / h);
  const left = video.offsetLeft + (video.clientWidth - scale * w) / 2;
  const top = video.offsetTop + (video.clientHeight - scale * h) / 2;
  const [across, down] = [(scale * w) / (size?.[0] ?? w), (scale * h) / (size?.[1] ?? h)];
  pen.font = "600 11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  const tags = [];
  for (const unit of units) {
    const sides = boxes[unit.place] && boxAt(boxes[unit.place], frame);
    if (!sides) continue;
    const box = sides.map((side, k) => (k % 2 ? top + side * down : left + side * across));
    const [a, b, c, d] = box;
    const colour = animalColour(unit.place);
    for (const [line, stroke] of [[unit === chosen ? 6 : 4, "rgb(0 0 0 / 55%)"], [unit === chosen ? 3.5 : 1.5, colour]]) {
      pen.strokeStyle = stroke;
      pen.lineWidth = line;
      pen.strokeRect(a, b, c - a, d - b);
    }
    const tag = { unit, box, colour, wide: pen.measureText(unit.label).width + 8 };
    if (unit === chosen) tags.unshift(tag);
    else tags.push(tag);
  }
  placeTags(tags, [left, top, left + scale * w, top + scale * h]).forEach(([x, y], k) => {
    const { unit, colour, wide } = tags[k];
    pen.fillStyle = colour;
    pen.fillRect(x, y, wide, LABEL);
    pen.fillStyle = "#000";
    pen.fillText(unit.label, x + 4, y + LABEL / 2 + 0.5);
  });
}
