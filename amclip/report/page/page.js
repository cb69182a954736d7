// The page itself: what is selected, and keeping everything that is drawn in step with it.

const THEME = "theme"; // its key in the store; videos have theirs

const page = {
  run: embedded("run"),
  video: 0,
  column: 0,
  selected: null, // { start, stop } of the selected bout of the column
  marks: { from: null, to: null },
  preview: null, // a bout while the mouse changes it: { bout, column, start, stop }
  kept: new Map(), // scores that were decoded
  pending: false,
  told: 0, // when assistive technology was last told the time

  async begin() {
    this.store = new Store([THEME, ...this.run.videos.map(({ scores }) => scores)]);
    await this.store.opened;
    this.store.addEventListener("failure", () => this.changed());
    connectTheme(this);
    delete document.documentElement.dataset.starting; // now it is seen
    this.corrections = new Corrections(this.run, this.store, (video) => this.scoresOf(video));
    this.corrections.listeners.push((said) => {
      this.say(said);
      this.changed();
    });
    this.view = new View(() => this.changed());
    this.player = new Player(byId("video"), byId("flow"), {
      time: (time) => this.timeChanged(time),
      state: (playing) => (byId("play").textContent = playing ? "Pause" : "Play"),
      problem: (problem) => showProblem(this, problem),
    });
    for (const [index, { video }] of this.run.videos.entries())
      byId("videos").append(element("option", { value: index, textContent: video }));
    connectPanels(this);
    connectMouse(this);
    connectKeys(this);
    new ResizeObserver(() => this.changed()).observe(byId("raster-box"));
    window.addEventListener("beforeunload", (event) => {
      if (this.store.pending || (this.corrections.changed && !this.corrections.kept.works)) event.preventDefault();
    });
    this.showVideo(0);
    if (this.run.suggestions) suggest(this, this.firstOpenSuggestion());
  },

  scoresOf(video) {
    if (!this.kept.has(video))
      this.kept.set(video, new Scores(this.run.videos[video], embedded(`video-${video}`), this.run.classes));
    return this.kept.get(video);
  },

  get scores() {
    return this.scoresOf(this.video);
  },

  /** The selected bout as it stands now; a bout that thresholds moved is still found by its middle. */
  get bout() {
    if (!this.selected) return null;
    const bouts = this.corrections.bouts(this.video, this.column);
    const middle = (this.selected.start + this.selected.stop) / 2;
    return (
      bouts.find((b) => b.start === this.selected.start && b.stop === this.selected.stop) ??
      bouts.find((b) => b.start <= middle && middle < b.stop) ??
      null
    );
  },

  showVideo(index) {
    this.video = index;
    this.selected = null;
    this.marks = { from: null, to: null };
    byId("videos").value = index;
    const about = this.run.videos[index];
    this.view.open(about.duration, 8 / about.fps);
    this.player.open(this.scores, about.addresses, about.flow);
    byId("flow-switch").hidden = byId("flow-strength").hidden = !about.flow;
    this.player.showFlow(byId("flow-on").checked);
    byId("raster-box").setAttribute("aria-valuemax", about.duration);
    this.changed();
  },

  selectColumn(column) {
    this.column = clamp(column, 0, this.run.classes.length - 1);
    this.selected = null;
    byId("classes").children[this.column].scrollIntoView({ block: "nearest" });
    this.changed();
  },

  selectBout(column, bout, seek = true) {
    if (column !== this.column) this.selectColumn(column);
    this.selected = bout && { start: bout.start, stop: bout.stop };
    if (bout && seek) {
      this.view.reveal(bout.start);
      this.player.seek(bout.start);
    }
    if (bout) this.say(describeBout(this, bout), false); // who sees has the panel
    this.changed();
  },

  /** To the next bout (1) or the one before (-1), of the selected behaviour or of any. */
  jump(direction, any = false) {
    const bouts = any
      ? this.corrections.allBouts(this.video)
      : this.corrections.bouts(this.video, this.column).map((b) => ({ ...b, column: this.column }));
    const time = this.player.time;
    const frame = 1 / this.run.videos[this.video].fps;
    // From the selected bout, unless the time has been moved away from it.
    const now = this.bout && time > this.bout.start - frame && time < this.bout.stop + frame ? this.bout : null;
    const place = now ? bouts.findIndex((b) => b.column === this.column && b.start === now.start) : -1;
    let next = place + direction;
    if (place < 0 && direction > 0) next = bouts.findIndex((b) => b.start > time - SAME_TIME);
    if (place < 0 && direction < 0) next = bouts.findLastIndex((b) => b.start < time - SAME_TIME);
    if (next < 0 || next >= bouts.length) return this.say(direction > 0 ? "no further bout" : "no bout before");
    this.selectBout(bouts[next].column, bouts[next]);
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
    const held = this.run.classes.filter((_, column) => boutAt(this, column, time));
    const box = byId("raster-box");
    box.setAttribute("aria-valuenow", time.toFixed(3));
    box.setAttribute("aria-valuetext", `${clock(time)}, ${held.join(", ") || "no behaviour"}`);
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
      ...{ corrections: this.corrections, video: this.video, column: this.column, bout: this.bout },
      ...{ marks: this.marks, preview: this.preview, curves: byId("curves").checked },
    };
    const raster = byId("raster-box").getBoundingClientRect();
    const left = raster.left - byId("overview").getBoundingClientRect().left;
    for (const id of ["axis-box", "curve-box"])
      Object.assign(byId(id).style, { marginLeft: `${left}px`, width: `${raster.width}px` });
    drawOverview(byId("overview"), byId("overview").clientWidth, this.view, state);
    drawAxis(byId("axis"), byId("axis-box").clientWidth, this.view, state);
    drawRaster(byId("raster"), byId("raster-box").clientWidth, this.view, this.scores, state);
    drawCurve(byId("curve"), byId("curve-box").clientWidth, this.view, this.scores, state);
    updatePanels(this);
    this.placeCursors();
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
