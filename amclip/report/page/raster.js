// The raster: a row per behaviour over time, with bouts as bars and the probability as a line above its row's floor; where
// animals are told apart the rows of each lie below a row of its own, which says when it is in the picture.
// Drawn by hand on a canvas: thousands of bouts stay quick, and raster, overview and curve share one time axis.

const ROW = 26; // pixels
const AXIS = 22;
const GRIP = 6; // how near to an edge the mouse takes hold of it

/** The part of the video that is in sight. */
class View {
  constructor(onChange) {
    this.onChange = onChange;
    this.open(1, 0.1);
  }

  open(duration, shortest) {
    Object.assign(this, { duration, shortest: Math.min(shortest, duration), from: 0, to: duration });
  }

  show(from, to) {
    const span = clamp(to - from, this.shortest, this.duration);
    this.from = clamp(from, 0, this.duration - span);
    this.to = this.from + span;
    this.onChange();
  }

  zoom(factor, around) {
    const share = (around - this.from) / (this.to - this.from);
    const span = clamp((this.to - this.from) * factor, this.shortest, this.duration);
    this.show(around - share * span, around + (1 - share) * span);
  }

  /** Move so that a time is in sight; `jump` puts it at a quarter of the width. */
  reveal(time) {
    if (time >= this.from && time <= this.to) return;
    const span = this.to - this.from;
    this.show(time - span / 4, time + (3 * span) / 4);
  }

  x(time, width) {
    return ((time - this.from) / (this.to - this.from)) * width;
  }

  time(x, width) {
    return clamp(this.from + (x / width) * (this.to - this.from), 0, this.duration);
  }
}

/** The pen of a canvas at the screen's resolution; drawing is in CSS pixels. */
function prepare(canvas, width, height, clear = true) {
  const ratio = Math.min(window.devicePixelRatio || 1, 16000 / height); // no canvas may be higher than 16384
  const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) {
    Object.assign(canvas, { width: w, height: h });
    canvas.style.height = `${height}px`;
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (clear) pen.clearRect(0, 0, width, height);
  return pen;
}

/** Colours of the page, as the theme has them now. */
function palette() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    paper: colour("paper"),
    panel: colour("panel"),
    ink: colour("ink"),
    faint: colour("faint"),
    line: colour("line"),
    stripe: colour("stripe"),
    accent: colour("accent"),
    selected: colour("selected"),
    checked: colour("checked"),
    light: colour("lightness"),
  };
}

/** A colour per behaviour; rows that are neighbours get hues far apart. */
function colourOf(column, colours) {
  return `oklch(${colours.light} 0.13 ${(column * 137.5 + 255) % 360})`;
}

/** Round times some 90 pixels apart: { times, digits }. */
function ticks(view, width) {
  const steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];
  const least = ((view.to - view.from) / width) * 90;
  const step = steps.find((s) => s >= least) ?? 28800;
  const first = Math.ceil(view.from / step);
  const times = Array.from({ length: Math.max(0, Math.floor(view.to / step) - first + 1) }, (_, k) => (first + k) * step);
  return { times, digits: step >= 1 ? 0 : step >= 0.1 ? 1 : 2 };
}

/** The axis above the rows, and what was checked. It does not scroll with them. */
function drawAxis(canvas, width, view, state) {
  const colours = palette();
  const pen = prepare(canvas, width, AXIS);
  const { times, digits } = ticks(view, width);
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.fillStyle = colours.faint;
  pen.strokeStyle = colours.line;
  pen.lineWidth = 1;
  for (const time of times) {
    const x = Math.round(view.x(time, width)) + 0.5;
    pen.beginPath();
    pen.moveTo(x, AXIS - 5);
    pen.lineTo(x, AXIS);
    pen.stroke();
    const text = clock(time, digits);
    const wide = pen.measureText(text).width;
    pen.fillText(text, clamp(x - wide / 2, 2, width - wide - 2), AXIS / 2 - 2);
  }
  pen.fillStyle = colours.checked;
  for (const [start, stop] of state.corrections.checked(state.unit))
    pen.fillRect(view.x(start, width), AXIS - 4, Math.max(1, view.x(stop, width) - view.x(start, width)), 4);
  drawMarks(pen, 0, AXIS, width, view, state.marks, colours);
}

/** The line of a curve; where several cells fall on one pixel, the highest shows. Where nothing is known there is none. */
function traceCurve(pen, scores, curve, view, width, y, height) {
  const { edges } = scores;
  const first = Math.max(0, lastNotAbove(edges, view.from));
  pen.beginPath();
  let [column, top, started] = [-1, 0, false];
  const point = (x, value) => {
    if (started) pen.lineTo(x, y + height * (1 - value));
    else pen.moveTo(x, y + height * (1 - value));
    started = true;
  };
  for (let cell = first; cell < curve.length && edges[cell] < view.to; cell++) {
    const left = Math.max(0, view.x(edges[cell], width));
    const right = Math.min(width, view.x(edges[cell + 1], width));
    if (Number.isNaN(curve[cell])) {
      [column, started] = [-1, false];
    } else if (right - left >= 1) {
      point(left, curve[cell]);
      point(right, curve[cell]);
      column = -1;
    } else if (Math.floor(left) !== column) {
      column = Math.floor(left);
      top = curve[cell];
      point(left, top);
    } else if (curve[cell] > top) {
      top = curve[cell];
      point(left, top);
    }
  }
}

/**
 * Draw the rows. `state` has corrections, rows, unit, column, bout, marks, curves, preview. Only rows that differ from what
 * the canvas shows are drawn again: a moved threshold costs one row per animal, however many behaviours there are.
 *
 * @param scoresOf index of a unit to its Scores
 */
function drawRaster(canvas, width, view, scoresOf, state) {
  const colours = palette();
  const { corrections, curves, marks, rows } = state;
  const which = rows.map(({ unit, column }) => `${unit}/${column}`);
  const whole = JSON.stringify([view.from, view.to, width, devicePixelRatio, colours, curves, which, marks]);
  const fresh = canvas.shown?.whole !== whole;
  if (fresh) canvas.shown = { whole, rows: [] };
  const pen = prepare(canvas, width, rows.length * ROW, fresh);
  rows.forEach(({ unit, column, folded }, place) => {
    const at = { pen, y: place * ROW, width, view, colours, unit: corrections.run.units[unit] };
    const mine = state.preview?.unit === unit && state.preview.column === column ? state.preview : null;
    const chosen = unit === state.unit && column === state.column;
    const row =
      column === null
        ? { checked: corrections.checked(unit), ...(folded ? corrections.run.classes.map((_, c) => corrections.bouts(unit, c)) : []) }
        : { bouts: corrections.bouts(unit, column), mine, chosen, bout: chosen ? state.bout : null };
    const before = canvas.shown.rows[place];
    if (before && Object.keys(row).every((key) => row[key] === before[key])) return;
    canvas.shown.rows[place] = row;
    pen.clearRect(0, at.y, width, ROW);
    if (column === null) drawAnimal(at, row, folded ? corrections.run.classes.map((_, c) => row[c]) : []);
    else drawRow(at, scoresOf(unit), state, column, row);
    drawMarks(pen, at.y, ROW, width, view, marks, colours);
  });
}

/** The row of an animal: when it is in the picture, what was checked of it, and, where its rows are folded, its bouts. */
function drawAnimal({ pen, y, width, view, colours, unit }, { checked }, bouts) {
  pen.fillStyle = colours.panel;
  pen.fillRect(0, y, width, ROW);
  const span = ([start, stop], top, height) => {
    if (stop < view.from || start > view.to) return;
    pen.fillRect(view.x(start, width), top, Math.max(1, view.x(stop, width) - view.x(start, width)), height);
  };
  if (!bouts.length) {
    pen.fillStyle = animalColour(unit.place);
    for (const one of unit.present) span(one, y + ROW / 2 - 2, 4);
  }
  drawAbsence(pen, y, ROW, width, view, unit, colours);
  const each = (ROW - 8) / bouts.length;
  bouts.forEach((mine, column) => {
    pen.fillStyle = colourOf(column, colours);
    for (const { start, stop } of mine) span([start, stop], y + 2 + column * each, Math.max(0.7, each));
  });
  pen.fillStyle = colours.checked;
  for (const one of checked) span(one, y + ROW - 4, 4);
  pen.fillStyle = colours.line;
  pen.fillRect(0, y, width, 1);
}

/** Hatch a band of the canvas where an animal is not in the picture. */
function drawAbsence(pen, y, height, width, view, unit, colours) {
  for (const [start, stop] of unit.absent) {
    if (stop <= view.from || start >= view.to) continue;
    const [left, right] = [view.x(Math.max(start, view.from), width), view.x(Math.min(stop, view.to), width)];
    pen.save();
    pen.beginPath();
    pen.rect(left, y, right - left, height);
    pen.clip();
    pen.strokeStyle = colours.faint;
    pen.globalAlpha = 0.45;
    pen.lineWidth = 1;
    pen.beginPath();
    for (let x = left - height - ((left - height) % 7); x < right; x += 7) {
      pen.moveTo(x, y + height);
      pen.lineTo(x + height, y);
    }
    pen.stroke();
    pen.restore();
  }
}

function drawRow({ pen, y, width, view, colours, unit }, scores, state, column, row) {
  pen.fillStyle = row.chosen ? colours.selected : column % 2 ? colours.stripe : "transparent";
  pen.fillRect(0, y, width, ROW);
  drawAbsence(pen, y, ROW, width, view, unit, colours);
  const colour = colourOf(column, colours);
  let drawn = -Infinity; // up to where a bar reaches already
  for (const bout of row.bouts) {
    if (bout.stop < view.from || bout.start > view.to) continue;
    // Of bouts that are smaller than a pixel, one on each pixel is enough.
    if (!bout.human && view.x(bout.stop, width) < drawn) continue;
    const moved = row.mine?.bout === bout ? row.mine : bout;
    drawn = drawBout(pen, moved, bout.human || moved !== bout, y, width, view, colour, colours, bout === row.bout);
  }
  if (row.mine && !row.mine.bout) drawBout(pen, row.mine, true, y, width, view, colour, colours, true);
  if (state.curves) {
    traceCurve(pen, scores, scores.curves[column], view, width, y + 3, ROW - 6);
    const cells = scores.curves[column].length * ((view.to - view.from) / view.duration);
    pen.strokeStyle = colours.ink;
    pen.globalAlpha = 0.55 * clamp(width / cells, 0.3, 1); // where it would fill its row, bars must still be seen
    pen.lineWidth = 1;
    pen.stroke();
    pen.globalAlpha = 1;
  }
}

/** The part of the marked interval that lies in a band of the canvas. */
function drawMarks(pen, y, height, width, view, { from, to }, colours) {
  if (from == null && to == null) return;
  const [a, b] = [view.x(from ?? to, width), view.x(to ?? from, width)];
  pen.globalAlpha = 0.14;
  pen.fillStyle = colours.accent;
  pen.fillRect(a, y, b - a, height);
  pen.globalAlpha = 1;
  pen.fillRect(a - 0.5, y, 1, height);
  pen.fillRect(b - 0.5, y, 1, height);
}

function drawBout(pen, { start, stop }, human, y, width, view, colour, colours, selected) {
  const left = view.x(start, width);
  const wide = Math.max(1.5, view.x(stop, width) - left);
  pen.fillStyle = colour;
  pen.globalAlpha = human ? 1 : 0.72;
  pen.fillRect(left, y + 4, wide, ROW - 8);
  pen.globalAlpha = 1;
  if (human) {
    pen.fillStyle = colours.ink; // a bar below: who looks at it without seeing colours still sees whose bout it is
    pen.fillRect(left, y + ROW - 4, wide, 2);
  }
  if (selected) {
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 2;
    pen.strokeRect(left - 1, y + 3, wide + 2, ROW - 6);
  }
  return left + wide;
}
