// The mouse (and pen, and finger) on raster, overview and curve.

function connectMouse(page) {
  const raster = byId("raster");
  const at = (event, canvas) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top, width: box.width, height: box.height };
  };
  let drag = null; // what a drag does: gets a place, and at the end is told so

  for (const canvas of [raster, byId("axis")]) {
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      takeFocus();
      const drawing = event.shiftKey || byId("draw").checked;
      drag = beginDrag(page, at(event, canvas), canvas === raster, drawing);
      canvas.setPointerCapture(event.pointerId);
      event.preventDefault();
    });
    canvas.addEventListener("pointermove", (event) => {
      const place = at(event, canvas);
      if (drag) drag.move(place);
      else if (canvas === raster) raster.classList.toggle("edge", Boolean(edgeAt(page, place)));
    });
    canvas.addEventListener("pointerup", (event) => {
      drag?.end(at(event, canvas));
      drag = null;
    });
    canvas.addEventListener("pointercancel", () => {
      drag = null;
      page.preview = null;
      page.changed();
    });
  }
  raster.addEventListener("wheel", (event) => wheel(page, event, at(event, raster)), { passive: false });
  connectOverview(page, at);
  connectCurve(page, at);
}

/** Before anything else changes: a number that was typed is for what was selected until now. */
function takeFocus() {
  byId("raster-box").focus({ preventScroll: true });
}

function wheel(page, event, place) {
  const { view } = page;
  const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    view.zoom(Math.exp(clamp(event.deltaY, -200, 200) / 300), view.time(place.x, place.width));
  } else if (Math.abs(sideways) > 0) {
    event.preventDefault();
    const move = (sideways / place.width) * (view.to - view.from);
    view.show(view.from + move, view.to + move);
  }
}

/** The row at a height: { unit, column }; the column is null in the row of an animal itself. */
const rowAt = (page, y) => page.rows[Math.floor(y / ROW)] ?? null;

function boutAt(page, unit, column, time) {
  return page.corrections.bouts(unit, column).find((b) => b.start <= time && time < b.stop) ?? null;
}

/** The edge under the mouse: { row, bout, side }; the selected bout's first, then the nearest. */
function edgeAt(page, { x, y, width }) {
  const row = rowAt(page, y);
  if (!row || row.column === null) return null;
  let best = null;
  for (const bout of page.corrections.bouts(row.unit, row.column)) {
    for (const side of ["start", "stop"]) {
      const away = Math.abs(page.view.x(bout[side], width) - x) - (bout === page.bout ? 1 : 0);
      if (away <= GRIP && (!best || away < best.away)) best = { row, bout, side, away };
    }
  }
  // A bout a few pixels wide is to be clicked on, not to be pulled at, unless it is selected already.
  if (best && best.bout !== page.bout && page.view.x(best.bout.stop, width) - page.view.x(best.bout.start, width) < 3 * GRIP)
    return null;
  return best;
}

/** What a drag does that begins on the rows, or (`rows` false) on the axis above them. */
function beginDrag(page, place, rows, drawing) {
  const { view, scores } = page;
  const time = view.time(place.x, place.width);
  const row = rows ? rowAt(page, place.y) : null;
  const behaviour = row && row.column !== null;
  const edge = rows && !drawing ? edgeAt(page, place) : null;
  if (drawing && behaviour) return drawDrag(page, row, scores.snapped(time));
  if (edge) return edgeDrag(page, edge);
  page.player.until = null;
  page.player.seek(time);
  if (behaviour) page.selectBout(row, boutAt(page, row.unit, row.column, time), false);
  else if (row) page.selectRow(row.unit, page.column);
  return {
    move: (now) => page.player.seek(view.time(now.x, now.width)),
    end: () => {},
  };
}

function edgeDrag(page, { row, bout, side }) {
  page.selectBout(row, bout, false);
  const interval = { start: bout.start, stop: bout.stop };
  let moved = false;
  return {
    move: (now) => {
      const time = page.scores.snapped(page.view.time(now.x, now.width));
      if (side === "start" ? time >= interval.stop : time <= interval.start) return;
      moved ||= time !== interval[side];
      interval[side] = time;
      page.preview = { bout, ...row, ...interval };
      page.player.seek(time);
      page.changed();
    },
    end: () => {
      page.preview = null;
      if (moved) moveBout(page, bout, interval.start, interval.stop);
      else page.player.seek(bout[side]);
      page.changed();
    },
  };
}

function drawDrag(page, row, begin) {
  page.selectRow(row.unit, row.column);
  let interval = null;
  return {
    move: (now) => {
      const time = page.scores.snapped(page.view.time(now.x, now.width));
      interval = [Math.min(begin, time), Math.max(begin, time)];
      page.preview = { bout: null, ...row, start: interval[0], stop: interval[1] };
      page.player.seek(time);
      page.changed();
    },
    end: () => {
      page.preview = null;
      if (interval && interval[1] > interval[0]) addBout(page, ...interval);
      page.changed();
    },
  };
}

function addBout(page, start, stop) {
  page.corrections.add(page.unit, page.column, start, stop);
  page.selected = { start, stop };
  page.selected = page.bout;
  warnOfAbsence(page, start, stop);
}

/** Say it where the selected animal was not tracked all of the time of a bout. */
function warnOfAbsence(page, start, stop) {
  const { label, absent } = page.run.units[page.unit];
  const away = covered(absent, start, stop);
  if (away > SAME_TIME) page.say(`${label} has no box for ${away.toFixed(2)} s of this: nothing can be trained on there`);
}

function connectOverview(page, at) {
  const overview = byId("overview");
  let grip = null;
  const follow = (event) => {
    const place = at(event, overview);
    const span = page.view.to - page.view.from;
    const from = (place.x / place.width) * page.view.duration - grip * span;
    page.view.show(from, from + span);
  };
  overview.addEventListener("pointerdown", (event) => {
    takeFocus();
    const place = at(event, overview);
    const time = (place.x / place.width) * page.view.duration;
    const inside = (time - page.view.from) / (page.view.to - page.view.from);
    grip = inside >= 0 && inside <= 1 ? inside : 0.5;
    overview.setPointerCapture(event.pointerId);
    follow(event);
    if (page.view.to - page.view.from >= page.view.duration) page.player.seek(time);
  });
  overview.addEventListener("pointermove", (event) => grip !== null && follow(event));
  for (const kind of ["pointerup", "pointercancel"]) overview.addEventListener(kind, () => (grip = null));
}

function connectCurve(page, at) {
  const curve = byId("curve");
  let drag = null;
  curve.addEventListener("pointerdown", (event) => {
    takeFocus();
    const place = at(event, curve);
    const settings = page.corrections.settings(page.column);
    const near = ["threshold", "off_threshold"].find((name) => Math.abs(curveY(settings[name], place.height) - place.y) <= GRIP);
    drag = { name: near, first: true };
    curve.setPointerCapture(event.pointerId);
    if (!near) page.player.seek(page.view.time(place.x, place.width));
  });
  curve.addEventListener("pointermove", (event) => {
    const place = at(event, curve);
    if (!drag) return;
    if (!drag.name) return page.player.seek(page.view.time(place.x, place.width));
    const value = Math.round(curveProbability(place.y, place.height) * 100) / 100;
    page.corrections.set(page.column, { [drag.name]: value }, drag.first);
    drag.first = false;
  });
  for (const kind of ["pointerup", "pointercancel"]) curve.addEventListener(kind, () => (drag = null));
  curve.addEventListener("wheel", (event) => wheel(page, event, at(event, curve)), { passive: false });
}
