// What a person changed: thresholds, bouts, and what was checked. States are never altered, only replaced, so that
// going back is putting an older one in place.
//
// A correction is a ruling: within a stretch of time a behaviour holds in these bouts and in no others. Outside of
// rulings the model's bouts stand, and follow the thresholds; inside they are cut away.

const NOTHING = Object.freeze({ ruled: [], bouts: [] });

class Corrections {
  /**
   * @param run the page's data: id, classes, settings, videos
   * @param loadScores video index to Scores
   */
  constructor(run, loadScores) {
    this.run = run;
    this.loadScores = loadScores;
    this.key = `${TOOLS}:${run.id}`;
    this.listeners = [];
    this.undone = [];
    this.done = [];
    this.cache = new Map();
    this.stored = true;
    this.state = this.first();
    this.recall();
    window.addEventListener("storage", (event) => {
      if (event.key !== this.key) return; // the same report in another tab
      this.recall();
      this.tell("corrections taken over from another tab");
    });
  }

  first() {
    return { settings: this.run.settings, rulings: {}, checked: {} };
  }

  /** Take what this browser kept of the report; what cannot be read is left alone and not overwritten unseen. */
  recall() {
    let text = null;
    try {
      text = localStorage.getItem(this.key);
    } catch {
      this.stored = false;
    }
    if (text === null) return;
    try {
      const kept = JSON.parse(text);
      const settings = Object.fromEntries(
        this.run.classes.map((name) => [name, { ...this.run.settings[name], ...kept.settings?.[name] }]),
      );
      this.state = { settings, rulings: kept.rulings ?? {}, checked: kept.checked ?? {} };
    } catch {
      localStorage.setItem(`${this.key}:unreadable`, text);
    }
  }

  /** Thresholds that nobody moved are not kept: they are those of the run, also where it is cut anew by others. */
  keep() {
    const settings = Object.fromEntries(
      Object.entries(this.state.settings).filter(
        ([name, mine]) => JSON.stringify(mine) !== JSON.stringify(this.run.settings[name]),
      ),
    );
    try {
      localStorage.setItem(this.key, JSON.stringify({ ...this.state, settings }));
      this.stored = true;
    } catch {
      this.stored = false;
    }
  }

  tell(what) {
    for (const listener of this.listeners) listener(what);
  }

  /** Put a state in place; `said` is what a screen reader hears. Without `undoable` the step before is not kept. */
  put(state, said, undoable = true) {
    if (undoable) {
      this.done.push(this.state);
      if (this.done.length > 500) this.done.shift();
      this.undone = [];
    }
    this.state = state;
    this.keep();
    this.tell(said);
  }

  undo() {
    this.travel(this.done, this.undone, "undone");
  }

  redo() {
    this.travel(this.undone, this.done, "done again");
  }

  travel(from, to, said) {
    if (!from.length) return this.tell(`nothing to be ${said}`);
    to.push(this.state);
    this.state = from.pop();
    this.keep();
    this.tell(said);
  }

  /** Whether anything differs from what the model said with the run's settings. */
  get changed() {
    return JSON.stringify(this.state) !== JSON.stringify(this.first());
  }

  ruling(video, column) {
    return this.state.rulings[this.run.videos[video].video]?.[this.run.classes[column]] ?? NOTHING;
  }

  settings(column) {
    return this.state.settings[this.run.classes[column]];
  }

  checked(video) {
    return this.state.checked[this.run.videos[video].video] ?? NOTHING.bouts;
  }

  /** Bouts of one behaviour as they stand: { start, stop, human }, by start. */
  bouts(video, column) {
    const settings = this.settings(column);
    const ruling = this.ruling(video, column);
    const key = `${video}/${column}`;
    const cached = this.cache.get(key);
    if (cached && cached.settings === settings && cached.ruling === ruling) return cached.bouts;
    const scores = this.loadScores(video);
    const model = runsOf(scores.curves[column], scores.edges, settings).map(([first, stop]) => [
      scores.edges[first],
      scores.edges[stop],
    ]);
    const bouts = [
      ...withoutStretches(model, ruling.ruled).map(([start, stop]) => ({ start, stop, human: false })),
      ...ruling.bouts.map(([start, stop]) => ({ start, stop, human: true })),
    ].sort((a, b) => a.start - b.start);
    this.cache.set(key, { settings, ruling, bouts });
    return bouts;
  }

  /** Bouts of every behaviour, each with its column, by start. */
  allBouts(video) {
    const all = this.run.classes.flatMap((_, column) => this.bouts(video, column).map((b) => ({ ...b, column })));
    return all.sort((a, b) => a.start - b.start || a.column - b.column);
  }

  /**
   * The state in which a behaviour holds, within a stretch, in `bout` alone (`null`: nowhere). A bout that reaches
   * another of the same behaviour becomes one with it.
   */
  ruledIn(state, video, column, stretch, bout) {
    const name = this.run.videos[video].video;
    const label = this.run.classes[column];
    const before = state.rulings[name]?.[label] ?? NOTHING;
    let [from, to] = stretch;
    let joined = bout;
    const others = withoutStretches(this.standing(state, video, column), [stretch]);
    for (let grown = Boolean(joined); grown; ) {
      grown = false;
      for (const [a, b] of others) {
        const reaches = a <= joined[1] + SAME_TIME && b >= joined[0] - SAME_TIME;
        if (!reaches || (a >= joined[0] && b <= joined[1])) continue;
        joined = [Math.min(a, joined[0]), Math.max(b, joined[1])];
        grown = true;
      }
      [from, to] = [Math.min(from, joined[0]), Math.max(to, joined[1])];
    }
    const kept = withoutStretches(before.bouts, [[from, to]]);
    const ruling = {
      ruled: withStretch(before.ruled, [from, to]),
      bouts: joined ? withStretch(kept, joined) : kept,
    };
    const rulings = { ...state.rulings, [name]: { ...state.rulings[name], [label]: ruling } };
    return { ...state, rulings };
  }

  /** Bouts as [start, stop] in a state that need not be the present one. */
  standing(state, video, column) {
    const present = this.state;
    this.state = state;
    const bouts = this.bouts(video, column).map(({ start, stop }) => [start, stop]);
    this.state = present;
    return bouts;
  }

  add(video, column, start, stop) {
    this.put(this.ruledIn(this.state, video, column, [start, stop], [start, stop]), "bout added");
  }

  remove(video, column, { start, stop }) {
    this.put(this.ruledIn(this.state, video, column, [start, stop], null), "bout deleted");
  }

  accept(video, column, { start, stop }) {
    this.put(this.ruledIn(this.state, video, column, [start, stop], [start, stop]), "bout accepted");
  }

  move(video, column, bout, start, stop) {
    const stretch = [Math.min(bout.start, start), Math.max(bout.stop, stop)];
    this.put(this.ruledIn(this.state, video, column, stretch, [start, stop]), "bout moved");
  }

  /** Relabel a bout that stood in `state`; what was changed since then is undone. */
  relabel(state, video, column, { start, stop }, other, undoable) {
    const gone = this.ruledIn(state, video, column, [start, stop], null);
    const there = this.ruledIn(gone, video, other, [start, stop], [start, stop]);
    this.put(other === column ? state : there, `relabelled ${this.run.classes[other]}`, undoable);
  }

  /** Say of a whole stretch which behaviours it shows, and that it was checked. */
  answer(video, stretch, columns) {
    let state = this.state;
    this.run.classes.forEach((_, column) => {
      state = this.ruledExactly(state, video, column, stretch, columns.has(column));
    });
    this.put(this.checkedIn(state, video, stretch), "answer kept");
  }

  /** As ruledIn, but a bout that fills the stretch is not joined with its neighbours: they were not looked at. */
  ruledExactly(state, video, column, stretch, holds) {
    const name = this.run.videos[video].video;
    const label = this.run.classes[column];
    const before = state.rulings[name]?.[label] ?? NOTHING;
    const kept = withoutStretches(before.bouts, [stretch]);
    const ruling = {
      ruled: withStretch(before.ruled, stretch),
      bouts: holds ? [...kept, stretch].sort((a, b) => a[0] - b[0]) : kept,
    };
    return { ...state, rulings: { ...state.rulings, [name]: { ...state.rulings[name], [label]: ruling } } };
  }

  checkedIn(state, video, stretch) {
    const name = this.run.videos[video].video;
    return { ...state, checked: { ...state.checked, [name]: withStretch(state.checked[name] ?? [], stretch) } };
  }

  /** Mark a stretch as checked, or, where it all was, as unchecked again. */
  toggleChecked(video, [start, stop]) {
    const before = this.checked(video);
    if (covered(before, start, stop) < stop - start - SAME_TIME)
      return this.put(this.checkedIn(this.state, video, [start, stop]), "stretch marked as checked");
    const left = withoutStretches(before, [[start, stop]]);
    const checked = { ...this.state.checked, [this.run.videos[video].video]: left };
    this.put({ ...this.state, checked }, "stretch no longer marked as checked");
  }

  /** Change settings of a behaviour; while a slider is being dragged only its first step is kept for undoing. */
  set(column, changes, undoable) {
    const before = this.settings(column);
    const settings = { ...before, ...changes };
    const together = before.off_threshold === before.threshold;
    if ("threshold" in changes && !("off_threshold" in changes))
      settings.off_threshold = together ? settings.threshold : Math.min(settings.off_threshold, settings.threshold);
    if ("off_threshold" in changes && !("threshold" in changes))
      settings.threshold = Math.max(settings.threshold, settings.off_threshold);
    const all = { ...this.state.settings, [this.run.classes[column]]: settings };
    this.put({ ...this.state, settings: all }, "", undoable);
  }

  resetSettings(columns) {
    const all = { ...this.state.settings };
    for (const column of columns) all[this.run.classes[column]] = this.run.settings[this.run.classes[column]];
    this.put({ ...this.state, settings: all }, "thresholds as they were in the run");
  }

  discard() {
    this.put(this.first(), "all corrections discarded");
  }
}
