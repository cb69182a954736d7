// The page itself: what is selected, and keeping everything that is drawn in step with it.

const THEME = "theme"; // its key in the store; videos have theirs

const page = {
  run: embedded("run"),
  video: 0,
  unit: 0, // the animal in it that is worked with; without animals, the video itself
  column: 0,
  selected: null, // { start, stop } of the selected bout of the unit's column
  marks: { from: null, to: null },
  preview: null, // a bout while the mouse changes it: { bout, unit, column, start, stop }
  folded: new Set(), // units whose rows are not shown
  frame: null, // the one that the video shows
  kept: new Map(), // what was decoded of each video, and scores by unit
  pending: false,
  told: 0, // when assistive technology was last told the time

  async begin() {
    this.run.units = unitsOf(this.run);
    this.unitsOfVideos = this.run.videos.map(() => []);
    for (const [unit, { video }] of this.run.units.entries()) this.unitsOfVideos[video].push(unit);
    for (const one of this.run.suggestions ?? [])
      one.unit = this.unitsOf(one.video).find((unit) => this.run.units[unit].subject === one.subject);
    this.store = new Store([THEME, ...this.run.units.map(({ scores }) => scores)]);
    await this.store.opened;
    this.store.addEventListener("failure", () => this.changed());
    connectTheme(this);
    delete document.documentElement.dataset.starting; // now it is seen
    this.corrections = new Corrections(this.run, this.store, (unit) => this.scoresOf(unit));
    this.corrections.listeners.push((said) => {
      this.say(said);
      this.changed();
    });
    this.view = new View(() => this.changed());
    this.player = new Player(byId("video"), byId("flow"), {
      time: (time) => this.timeChanged(time),
      frame: (frame) => this.frameChanged(frame),
      state: (playing) => (byId("play").textContent = playing ? "Pause" : "Play"),
      problem: (problem) => showProblem(this, problem),
    });
    for (const [index, { video }] of this.run.videos.entries())
      byId("videos").append(element("option", { value: index, textContent: video }));
    connectPanels(this);
    connectMouse(this);
    connectKeys(this);
    const resized = new ResizeObserver(() => this.changed());
    for (const id of ["raster-box", "video"]) resized.observe(byId(id));
    window.addEventListener("beforeunload", (event) => {
      if (this.store.pending || (this.corrections.changed && !this.corrections.kept.works)) event.preventDefault();
    });
    this.showVideo(0);
    if (this.run.suggestions) suggest(this, this.firstOpenSuggestion());
  },

  dataOf(video) {
    const key = `video ${video}`;
    if (!this.kept.has(key)) this.kept.set(key, decoded(embedded(`video-${video}`)));
    return this.kept.get(key);
  },

  scoresOf(unit) {
    const { video, place } = this.run.units[unit];
    if (!this.kept.has(unit))
      this.kept.set(unit, new Scores(this.run.videos[video], this.dataOf(video), this.run.classes, place));
    return this.kept.get(unit);
  },

  get scores() {
    return this.scoresOf(this.unit);
  },

  /** Units of a video, by their index. */
  unitsOf(video) {
    return this.unitsOfVideos[video];
  },

  /** What the raster shows: { unit, column }, and for each animal a row of its own, with null for the column. */
  get rows() {
    return this.unitsOf(this.video).flatMap((unit) => {
      const folded = this.folded.has(unit);
      const own = this.run.units[unit].label ? [{ unit, column: null, folded }] : [];
      return [...own, ...(folded ? [] : this.run.classes.map((_, column) => ({ unit, column })))];
    });
  },

  /** What is selected, in words. */
  get rowName() {
    const { label } = this.run.units[this.unit];
    return `${this.run.classes[this.column]}${label && ` of ${label}`}`;
  },

  /** The selected bout as it stands now; a bout that thresholds moved is still found by its middle. */
  get bout() {
    if (!this.selected) return null;
    const bouts = this.corrections.bouts(this.unit, this.column);
    const middle = (this.selected.start + this.selected.stop) / 2;
    return (
      bouts.find((b) => b.start === this.selected.start && b.stop === this.selected.stop) ??
      bouts.find((b) => b.start <= middle && middle < b.stop) ??
      null
    );
  },

  showVideo(index) {
    const units = this.unitsOf(index);
    this.video = index;
    this.unit = units[0];
    // Of many rows only those of one animal are shown at first.
    this.folded = new Set(units.length * this.run.classes.length > 40 ? units.slice(1) : []);
    this.selected = null;
    this.marks = { from: null, to: null };
    byId("videos").value = index;
    const about = this.run.videos[index];
    this.view.open(about.duration, 8 / about.fps);
    byId("used").hidden = !about.used;
    byId("used").textContent = about.used;
    this.player.open(this.scores, about.addresses, about.flow);
    byId("flow-switch").hidden = byId("flow-strength").hidden = !about.flow;
    this.player.showFlow(byId("flow-on").checked);
    byId("boxes-switch").hidden = !this.dataOf(index).boxes.some(Boolean);
    byId("raster-box").setAttribute("aria-valuemax", about.duration);
    fillClasses(this);
    this.changed();
  },

  selectColumn(column) {
    this.selectRow(this.unit, clamp(column, 0, this.run.classes.length - 1));
  },

  /** Select a behaviour of an animal; its rows are shown for it. */
  selectRow(unit, column) {
    if (this.folded.delete(unit)) fillClasses(this);
    Object.assign(this, { unit, column, selected: null });
    byId(rowId(this, unit, column)).scrollIntoView({ block: "nearest" });
    this.frameChanged(this.frame);
    this.changed();
  },

  /** Up or down by a row, over those of animals themselves. */
  moveRow(step) {
    const rows = this.rows.filter(({ column }) => column !== null);
    const place = rows.findIndex(({ unit, column }) => unit === this.unit && column === this.column);
    const { unit, column } = rows[clamp(place + step, 0, rows.length - 1)];
    this.selectRow(unit, column);
  },

  /** To the next animal (1) or the one before (-1), and its row of the same behaviour. */
  turnAnimal(direction) {
    const units = this.unitsOf(this.video);
    const unit = units[(units.indexOf(this.unit) + direction + units.length) % units.length];
    this.selectRow(unit, this.column);
    this.say(this.rowName);
  },

  /** Show or hide the rows of an animal; those that are worked with stay. */
  fold(unit) {
    if (!this.folded.delete(unit)) this.folded.add(unit);
    if (this.folded.has(this.unit)) {
      const open = this.unitsOf(this.video).find((other) => !this.folded.has(other));
      if (open === undefined) this.folded.delete(unit);
      else Object.assign(this, { unit: open, selected: null });
    }
    fillClasses(this);
    this.changed();
  },

  /** Show the rows of the animal that is worked with alone; where that is so, those of all. */
  foldOthers() {
    const others = this.unitsOf(this.video).filter((unit) => unit !== this.unit);
    this.folded = new Set(others.every((unit) => this.folded.has(unit)) ? [] : others);
    fillClasses(this);
    this.changed();
  },

  selectBout({ unit, column }, bout, seek = true) {
    if (unit !== this.unit || column !== this.column) this.selectRow(unit, column);
    this.selected = bout && { start: bout.start, stop: bout.stop };
    if (bout && seek) {
      this.view.reveal(bout.start);
      this.player.seek(bout.start);
    }
    if (bout) this.say(describeBout(this, bout), false); // who sees has the panel
    this.changed();
  },

  /** To the next bout (1) or the one before (-1), of the selected behaviour or of any, of the same animal. */
  jump(direction, any = false) {
    const bouts = any
      ? this.corrections.allBouts(this.unit)
      : this.corrections.bouts(this.unit, this.column).map((b) => ({ ...b, column: this.column }));
    const time = this.player.time;
    const frame = 1 / this.run.videos[this.video].fps;
    // From the selected bout, unless the time has been moved away from it.
    const now = this.bout && time > this.bout.start - frame && time < this.bout.stop + frame ? this.bout : null;
    const place = now ? bouts.findIndex((b) => b.column === this.column && b.start === now.start) : -1;
    let next = place + direction;
    if (place < 0 && direction > 0) next = bouts.findIndex((b) => b.start > time - SAME_TIME);
    if (place < 0 && direction < 0) next = bouts.findLastIndex((b) => b.start < time - SAME_TIME);
    if (next < 0 || next >= bouts.length) return this.say(direction > 0 ? "no further bout" : "no bout before");
    this.selectBout({ unit: this.unit, column: bouts[next].column }, bouts[next]);
  },

  timeChanged(time) {
    if (!byId("video").paused && this.view.to - this.view.from < this.view.duration) this.view.reveal(time);
    const { duration, fps } = this.run.videos[this.video];
    const digits = fps > 100 ? 3 : 2;
    byId("clock").textContent =
      `${clock(time, digits)} / ${clock(duration, 0)} · frame ${this.scores.shownAt(time)}`;
    this.placeCursors();
    const now = performance.now();
    if (!byId("video").paused && now - this.told < 500) return; // often enough for who listens
    this.told = now;
    const held = this.unitsOf(this.video).map((unit) => {
      const { label, absent } = this.run.units[unit];
      const shown = this.run.classes.filter((_, column) => boutAt(this, unit, column, time)).join(", ");
      const away = absent.some(([start, stop]) => start <= time && time < stop);
      return `${label && `${label}: `}${shown || (away ? "not in the picture" : "no behaviour")}`;
    });
    const box = byId("raster-box");
    box.setAttribute("aria-valuenow", time.toFixed(3));
    box.setAttribute("aria-valuetext", `${clock(time)}, ${held.join("; ")}`);
  },

  /** Another frame is on screen, or the boxes over it look otherwise. */
  frameChanged(frame) {
    this.frame = frame;
    const { boxes, size } = this.dataOf(this.video);
    const canvas = byId("boxes");
    canvas.hidden = !byId("boxes-on").checked || byId("video").hidden || !boxes.some(Boolean);
    if (canvas.hidden) return;
    const units = this.unitsOf(this.video).map((unit) => this.run.units[unit]);
    drawBoxes(canvas, byId("video"), size, units, boxes, this.run.units[this.unit], frame);
  },

  placeCursors() {
    for (const cursor of document.querySelectorAll(".cursor")) {
      const x = this.view.x(this.player.time, cursor.parentElement.clientWidth);
      cursor.hidden = x < 0 || x > cursor.parentElement.clientWidth;
      cursor.style.transform = `translateX(${x - 1}px)`;
    }
  },

  /** Tell who listens, and (`seen`) who looks: for some seconds, at the foot of the page. */
  say(text, seen = true) {
    if (!text) return;
    byId("status").textContent = text;
    const notice = byId("notice");
    notice.textContent = text;
    notice.hidden = !seen;
    clearTimeout(this.fading);
    this.fading = setTimeout(() => (notice.hidden = true), 5000);
  },

  /** Something that is drawn has changed: draw once, before the next picture. */
  changed() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.draw();
    });
  },

  draw() {
    updateClasses(this); // the numbers in it decide how wide the raster is
    const state = {
      ...{ corrections: this.corrections, units: this.unitsOf(this.video), rows: this.rows },
      ...{ unit: this.unit, column: this.column, bout: this.bout },
      ...{ marks: this.marks, preview: this.preview, curves: byId("curves").checked },
    };
    const raster = byId("raster-box").getBoundingClientRect();
    const left = raster.left - byId("overview").getBoundingClientRect().left;
    for (const id of ["axis-box", "curve-box"])
      Object.assign(byId(id).style, { marginLeft: `${left}px`, width: `${raster.width}px` });
    drawOverview(byId("overview"), byId("overview").clientWidth, this.view, state);
    drawAxis(byId("axis"), byId("axis-box").clientWidth, this.view, state);
    drawRaster(byId("raster"), byId("raster-box").clientWidth, this.view, (unit) => this.scoresOf(unit), state);
    drawCurve(byId("curve"), byId("curve-box").clientWidth, this.view, this.scores, state);
    updatePanels(this);
    this.placeCursors();
    this.frameChanged(this.frame);
  },

  firstOpenSuggestion() {
    const open = this.run.suggestions.findIndex((one) => !isAnswered(this, one));
    return Math.max(0, open);
  },
};

function connectTheme(page) {
  const root = document.documentElement;
  const apply = (theme) => {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
    byId("theme").value = theme;
    fillClasses(page);
    page.changed();
  };
  byId("theme").addEventListener("change", (event) => {
    apply(event.target.value);
    page.store.set(THEME, event.target.value); // where it cannot be kept it holds until the page is closed
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => apply(byId("theme").value));
  apply(page.store.get(THEME) ?? "system");
}

document.addEventListener("DOMContentLoaded", () => page.begin());
