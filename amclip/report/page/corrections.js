// What a person changed: thresholds, bouts, and what was checked. States are never altered, only replaced, so that
// going back is putting an older one in place.
//
// A correction is a ruling: within an interval of time a behaviour holds in these bouts and in no others. Outside of
// rulings the model's bouts stand, and follow the thresholds; inside they are cut away. Intervals are of two kinds: a
// decision on a bout (`ruled`), and an answer to what is shown (`answered`), which says nothing of what lies beside it.
//
// Whose bouts these are is said by a unit: a video, or one animal in it where a run tells its animals apart. Thresholds are
// those of a behaviour, whoever shows it.

const NOTHING = Object.freeze({ ruled: [], answered: [], bouts: [] });

class Corrections {
  /**
   * @param run the page's data: classes, settings, units
   * @param store what the browser keeps, opened
   * @param loadScores index of a unit to its Scores
   */
  constructor(run, store, loadScores) {
    this.run = run;
    this.loadScores = loadScores;
    this.kept = new Kept(run, store);
    this.listeners = [];
    this.undone = [];
    this.done = [];
    this.cache = new Map();
    this.state = this.kept.read(this.first());
    store.addEventListener("change", ({ detail }) => {
      if (!this.kept.keys.includes(detail)) return; // the same video in another tab
      this.state = this.kept.read(this.first());
      [this.done, this.undone] = [[], []]; // going back here would take back what was done there
      this.tell("corrections taken over from another tab");
    });
  }

  first() {
    return { settings: this.run.settings, rulings: {}, checked: {}, answers: {} };
  }

  tell(what) {
    for (const listener of this.listeners) listener(what);
  }

  /** Put a state in place; `said` is what the person is told. Without `undoable` the step before is not kept. */
  put(state, said, undoable = true) {
    if (undoable) {
      this.done.push(this.state);
      if (this.done.length > 500) this.done.shift();
      this.undone = [];
    }
    this.state = state;
    this.kept.write(state);
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
    this.kept.write(this.state);
    this.tell(said);
  }

  /** Whether anything differs from what the model said with the run's settings. */
  get changed() {
    return JSON.stringify(this.state) !== JSON.stringify(this.first());
  }

  ruling(unit, column) {
    return this.rulingIn(this.state, unit, column);
  }

  rulingIn(state, unit, column) {
    return own(own(state.rulings, this.run.units[unit].name), this.run.classes[column]) ?? NOTHING;
  }

  withRuling(state, unit, column, ruling) {
    const name = this.run.units[unit].name;
    const mine = { ...own(state.rulings, name), [this.run.classes[column]]: ruling };
    return { ...state, rulings: { ...state.rulings, [name]: mine } };
  }

  settings(column) {
    return own(this.state.settings, this.run.classes[column]);
  }

  checked(unit) {
    return own(this.state.checked, this.run.units[unit].name) ?? NOTHING.bouts;
  }

  /** What was answered of a unit: [start, stop, names of behaviours], of intervals that other pages asked for too. */
  answers(unit) {
    return own(this.state.answers, this.run.units[unit].name) ?? NOTHING.bouts;
  }

  /** The answers to what this page asks for. */
  asked(unit) {
    const all = this.run.suggestions ?? [];
    return this.answers(unit).filter(([start, stop]) =>
      all.some((one) => one.unit === unit && one.start === start && one.stop === stop),
    );
  }

  /** Bouts of one behaviour as they stand: { start, stop, human }, by start. */
  bouts(unit, column) {
    const settings = this.settings(column);
    const ruling = this.ruling(unit, column);
    const key = `${unit}/${column}`;
    const cached = this.cache.get(key);
    if (cached && cached.settings === settings && cached.ruling === ruling) return cached.bouts;
    const scores = this.loadScores(unit);
    const model = runsOf(scores.curves[column], scores.edges, settings).flatMap(([first, stop]) =>
      besideRulings([scores.edges[first], scores.edges[stop]], ruling, scores, column, settings),
    );
    const bouts = [
      ...model.map(([start, stop]) => ({ start, stop, human: false })),
      ...ruling.bouts.map(([start, stop]) => ({ start, stop, human: true })),
    ].sort((a, b) => a.start - b.start);
    this.cache.set(key, { settings, ruling, bouts });
    return bouts;
  }

  /** Bouts of every behaviour of a unit, each with its column, by start. */
  allBouts(unit) {
    const all = this.run.classes.flatMap((_, column) => this.bouts(unit, column).map((b) => ({ ...b, column })));
    return all.sort((a, b) => a.start - b.start || a.column - b.column);
  }

  /**
   * The state in which a behaviour holds, within an interval, in `bout` alone (`null`: nowhere). A bout that reaches
   * another of the same behaviour becomes one with it.
   */
  ruledIn(state, unit, column, interval, bout) {
    const before = this.rulingIn(state, unit, column);
    let [from, to] = interval;
    let joined = bout;
    const others = withoutIntervals(this.standing(state, unit, column), [interval]);
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
    const kept = withoutIntervals(before.bouts, [[from, to]]);
    return this.withRuling(state, unit, column, {
      ruled: withInterval(before.ruled, [from, to]),
      answered: withoutIntervals(before.answered, [[from, to]]),
      bouts: joined ? withInterval(kept, joined) : kept,
    });
  }

  /** Bouts as [start, stop] in a state that need not be the present one. */
  standing(state, unit, column) {
    const present = this.state;
    this.state = state;
    const bouts = this.bouts(unit, column).map(({ start, stop }) => [start, stop]);
    this.state = present;
    return bouts;
  }

  add(unit, column, start, stop) {
    this.put(this.ruledIn(this.state, unit, column, [start, stop], [start, stop]), "bout added");
  }

  remove(unit, column, { start, stop }) {
    this.put(this.ruledIn(this.state, unit, column, [start, stop], null), "bout deleted");
  }

  accept(unit, column, { start, stop }) {
    this.put(this.ruledExactly(this.state, unit, column, [start, stop], [[start, stop]], "ruled"), "bout accepted");
  }

  move(unit, column, bout, start, stop) {
    const interval = [Math.min(bout.start, start), Math.max(bout.stop, stop)];
    this.put(this.ruledIn(this.state, unit, column, interval, [start, stop]), "bout moved");
  }

  /** Relabel a bout that stood in `state`; what was changed since then is undone. */
  relabel(state, unit, column, { start, stop }, other, undoable) {
    const there = this.carriedOver(state, { unit, column }, { unit, column: other }, [start, stop]);
    this.put(there, `relabelled ${this.run.classes[other]}`, undoable);
  }

  /** Give a bout that stood in `state` to another animal; what was changed since then is undone. */
  give(state, unit, column, { start, stop }, other, undoable) {
    const there = this.carriedOver(state, { unit, column }, { unit: other, column }, [start, stop]);
    this.put(there, `is now ${this.run.units[other].label}'s`, undoable);
  }

  carriedOver(state, from, to, bout) {
    if (from.unit === to.unit && from.column === to.column) return state;
    const gone = this.ruledIn(state, from.unit, from.column, bout, null);
    return this.ruledIn(gone, to.unit, to.column, bout, bout);
  }

  /** Exchange what two animals show within an interval, as where a tracker took each for the other. */
  exchange(unit, other, interval) {
    const [from, to] = interval;
    const within = (bouts) =>
      bouts.map(([a, b]) => [Math.max(a, from), Math.min(b, to)]).filter(([a, b]) => b - a > SAME_TIME);
    let { state } = this;
    this.run.classes.forEach((_, column) => {
      const [mine, theirs] = [unit, other].map((one) => within(this.standing(this.state, one, column)));
      state = this.ruledExactly(state, unit, column, interval, theirs, "answered");
      state = this.ruledExactly(state, other, column, interval, mine, "answered");
    });
    const [one, two] = [unit, other].map((each) => this.run.units[each].label);
    this.put(state, `${one} and ${two} exchanged from ${clock(from)} to ${clock(to)}`);
  }

  /** Say of a whole interval which behaviours it shows, and that it was checked. */
  answer(unit, interval, columns) {
    let state = this.state;
    this.run.classes.forEach((_, column) => {
      state = this.ruledExactly(state, unit, column, interval, columns.has(column) ? [interval] : [], "answered");
    });
    const name = this.run.units[unit].name;
    const others = this.answers(unit).filter(([start, stop]) => start !== interval[0] || stop !== interval[1]);
    const answer = [...interval, this.run.classes.filter((_, column) => columns.has(column))];
    const answers = { ...state.answers, [name]: [...others, answer].sort((a, b) => a[0] - b[0]) };
    this.put({ ...this.checkedIn(state, unit, interval), answers }, "answer kept");
  }

  /**
   * As ruledIn, with any bouts within the interval, which are not joined with their neighbours: these were not checked.
   * The interval is "ruled" or "answered".
   */
  ruledExactly(state, unit, column, interval, bouts, kind) {
    const before = this.rulingIn(state, unit, column);
    const kept = withoutIntervals(before.bouts, [interval]);
    return this.withRuling(state, unit, column, {
      ruled: withoutIntervals(before.ruled, [interval]),
      answered: withoutIntervals(before.answered, [interval]),
      [kind]: withInterval(before[kind], interval),
      bouts: [...kept, ...bouts].sort((a, b) => a[0] - b[0]),
    });
  }

  checkedIn(state, unit, interval) {
    const name = this.run.units[unit].name;
    return { ...state, checked: { ...state.checked, [name]: withInterval(own(state.checked, name) ?? [], interval) } };
  }

  /** Mark an interval of units as checked, or, where it all was, as unchecked again. */
  toggleChecked(units, [start, stop]) {
    const all = units.every((unit) => covered(this.checked(unit), start, stop) >= stop - start - SAME_TIME);
    if (!all) {
      const marked = units.reduce((state, unit) => this.checkedIn(state, unit, [start, stop]), this.state);
      return this.put(marked, "interval marked as checked");
    }
    const left = units.map((unit) => [this.run.units[unit].name, withoutIntervals(this.checked(unit), [[start, stop]])]);
    const checked = { ...this.state.checked, ...Object.fromEntries(left) };
    this.put({ ...this.state, checked }, "interval no longer marked as checked");
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
    const all = this.state.settings;
    const names = new Set([...columns].map((column) => this.run.classes[column]));
    const settings = Object.entries(all).map(([name, mine]) => [name, names.has(name) ? own(this.run.settings, name) : mine]);
    this.put({ ...this.state, settings: Object.fromEntries(settings) }, "thresholds as they were in the run");
  }

  discard() {
    this.put(this.first(), "all corrections discarded");
  }
}

/**
 * What stands of a model's bout beside what a person said. A piece at the edge of a decided bout stands only where the
 * probability rises again, to a bout by itself: else it is the flank of what was decided, which a lower threshold widened.
 */
function besideRulings(bout, { ruled, answered }, scores, column, settings) {
  const pieces = withoutIntervals([bout], [...ruled, ...answered]);
  return pieces.filter(([start, stop]) => {
    const after = ruled.some(([, to]) => Math.abs(to - start) <= SAME_TIME);
    const before = ruled.some(([from]) => Math.abs(from - stop) <= SAME_TIME);
    if (!after && !before) return true;
    const cells = scores.curves[column].subarray(...scores.cellsOf(start, stop));
    const edge = Math.max(after ? cells[0] : 0, before ? cells.at(-1) : 0);
    const peak = cells.reduce((most, p) => Math.max(most, p), 0);
    return peak > edge && peak >= settings.threshold && stop - start >= settings.minimum_bout - SAME_TIME;
  });
}
