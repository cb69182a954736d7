// What lies above and below the rows: the whole video in a strip, and the curve of the selected behaviour.

/** The whole video in a strip: bouts of all behaviours and animals, what was checked, and the part in sight. */
function drawOverview(canvas, width, view, state) {
  const colours = palette();
  const rows = state.units.flatMap((unit) => state.corrections.run.classes.map((_, column) => ({ unit, column })));
  const height = clamp(2 * rows.length, 30, 60) + 6;
  const x = (time) => (time / view.duration) * width;
  const each = (height - 6) / rows.length;
  // The bouts lie on a canvas of their own, where only the rows that changed are drawn again.
  canvas.bars ??= document.createElement("canvas");
  const whole = JSON.stringify([width, devicePixelRatio, colours, state.units]);
  const fresh = canvas.bars.whole !== whole;
  if (fresh) Object.assign(canvas.bars, { whole, rows: [] });
  const bars = prepare(canvas.bars, width, height, fresh);
  rows.forEach(({ unit, column }, row) => {
    const bouts = state.corrections.bouts(unit, column);
    if (canvas.bars.rows[row] === bouts) return;
    canvas.bars.rows[row] = bouts;
    bars.clearRect(0, row * each, width, each);
    bars.fillStyle = colourOf(column, colours);
    let drawn = -Infinity;
    for (const { start, stop } of bouts) {
      if (x(stop) < drawn) continue;
      drawn = x(start) + Math.max(0.7, x(stop) - x(start));
      bars.fillRect(x(start), row * each, drawn - x(start), Math.max(0.7, each - 0.5));
    }
  });
  const pen = prepare(canvas, width, height);
  pen.drawImage(canvas.bars, 0, 0, width, height);
  pen.fillStyle = colours.checked;
  for (const [start, stop] of state.corrections.checked(state.unit))
    pen.fillRect(x(start), height - 5, Math.max(1, x(stop) - x(start)), 4);
  const [a, b] = [x(view.from), x(view.to)];
  pen.fillStyle = colours.accent;
  pen.globalAlpha = 0.12;
  pen.fillRect(a, 0, b - a, height);
  pen.globalAlpha = 1;
  pen.strokeStyle = colours.accent;
  pen.lineWidth = 2;
  pen.strokeRect(a + 1, 1, Math.max(2, b - a - 2), height - 2);
}

/** The selected behaviour's probability with its two thresholds. */
function drawCurve(canvas, width, view, scores, state) {
  const height = 120;
  const colours = palette();
  const pen = prepare(canvas, width, height);
  const { threshold, off_threshold: off } = state.corrections.settings(state.column);
  const colour = colourOf(state.column, colours);
  const y = (p) => curveY(p, height);
  pen.fillStyle = colour;
  pen.globalAlpha = 0.2;
  for (const { start, stop } of state.corrections.bouts(state.unit, state.column))
    pen.fillRect(view.x(start, width), y(1), view.x(stop, width) - view.x(start, width), y(0) - y(1));
  pen.globalAlpha = 1;
  drawAbsence(pen, y(1), y(0) - y(1), width, view, state.corrections.run.units[state.unit], colours);
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (const p of [0, 0.25, 0.5, 0.75, 1]) {
    pen.strokeStyle = colours.line;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(0, Math.round(y(p)) + 0.5);
    pen.lineTo(width, Math.round(y(p)) + 0.5);
    pen.stroke();
  }
  traceCurve(pen, scores, scores.curves[state.column], view, width, y(1), y(0) - y(1));
  pen.strokeStyle = colour;
  pen.lineWidth = 1.75;
  pen.lineJoin = "round";
  pen.stroke();
  for (const [value, dash] of [...(off < threshold ? [[off, [3, 4]]] : []), [threshold, []]]) {
    pen.strokeStyle = colours.ink;
    pen.lineWidth = 1.5;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(0, y(value));
    pen.lineTo(width, y(value));
    pen.stroke();
    pen.setLineDash([]);
  }
  const write = (text, x, y, colour) => {
    pen.strokeStyle = colours.paper; // a rim, so that the curve does not cross out what is written
    pen.lineWidth = 4;
    pen.strokeText(text, x, y);
    pen.fillStyle = colour;
    pen.fillText(text, x, y);
  };
  for (const p of [0, 1]) write(p.toFixed(1), width - 20, y(p) + (p ? 8 : -8), colours.faint);
  write(threshold.toFixed(2), 4, y(threshold) + (threshold > 0.85 ? 9 : -8), colours.ink);
}

/** Height of a probability on the curve's canvas, and back. */
const curveY = (p, height) => 8 + (1 - p) * (height - 16);
const curveProbability = (y, height) => clamp(1 - (y - 8) / (height - 16), 0, 1);
