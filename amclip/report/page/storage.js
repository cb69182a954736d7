// What is kept of a person's work: in the browser between visits, and in files that carry it to another one. A record
// per unit (a video, or an animal in it), found by a digest of the unit's scores: a report with more videos or animals, or
// cut by other settings, finds it again.

const PARTS = ["rulings", "checked", "answers"]; // of a state, each by name of the unit

class Kept {
  constructor(run, store) {
    this.run = run;
    this.store = store;
    this.keys = run.units.map(({ scores }) => scores);
    this.seen = null; // the state that was read or written last
  }

  /** Whether the browser keeps everything. */
  get works() {
    return this.keys.every((key) => this.store.keeps(key) && this.store.keeps(aside(key)));
  }

  /** The state that the browser has kept; what it has not is as in `first`. */
  read(first) {
    const records = this.keys.map((key, index) => this.record(key, this.run.units[index].duration));
    this.seen = withRecords(first, this.run, records);
    return this.seen;
  }

  /** A record, or null. What cannot be read is put aside, so that it is not lost when another takes its place. */
  record(key, duration) {
    const text = this.store.get(key);
    if (text === null) return null;
    try {
      return asRecord(JSON.parse(text), this.run, duration);
    } catch {
      this.store.set(aside(key), text);
      return null;
    }
  }

  /**
   * Keep a state; only what differs from the one before is written. Thresholds are kept with the first unit and with
   * those that were worked on: a slider must not write the records of hundreds of videos.
   */
  write(state) {
    const before = this.seen;
    this.seen = state;
    const moved = movedSettings(state, this.run);
    this.run.units.forEach(({ name }, index) => {
      const key = this.keys[index];
      const same = PARTS.every((part) => own(before[part], name) === own(state[part], name));
      const touched = index === 0 || PARTS.some((part) => own(state[part], name));
      if (this.store.keeps(key) && same && (before.settings === state.settings || !touched)) return;
      const record = recordOf(state, name, touched ? moved : {});
      if (Object.keys(record).length) this.store.set(key, JSON.stringify(record));
      else this.store.remove(key);
    });
  }
}

/** Where a record is put that cannot be read. */
const aside = (key) => `${key}:unreadable`;

/** What is to be kept of a unit. Thresholds that nobody moved are not: they are those of the run, also of a later one. */
function recordOf(state, unit, moved) {
  const parts = PARTS.map((part) => [part, own(state[part], unit)]).filter(([, value]) => value);
  return Object.fromEntries([...parts, ...(Object.keys(moved).length ? [["settings", moved]] : [])]);
}

function movedSettings(state, run) {
  const differs = ([name, mine]) => JSON.stringify(mine) !== JSON.stringify(own(run.settings, name));
  return Object.fromEntries(Object.entries(state.settings).filter(differs));
}

/** A state with records, one per unit of the run or null, in place of what it had; the first says the thresholds. */
function withRecords(state, run, records) {
  const next = { ...state };
  [...run.units.entries()].reverse().forEach(([index, { name }]) => {
    const record = records[index];
    if (!record) return;
    for (const part of PARTS) if (record[part]) next[part] = { ...next[part], [name]: record[part] };
    const settings = run.classes.map((name) => [name, { ...own(next.settings, name), ...own(record.settings, name) }]);
    next.settings = Object.fromEntries(settings);
  });
  return next;
}

/**
 * A record as this page needs it, from JSON of any kind: behaviours that the run does not have are left out, and times
 * lie within the video.
 *
 * @throws TypeError if it is no record
 */
function asRecord(value, run, duration) {
  const number = (x, low, high) => {
    if (!Number.isFinite(x)) throw new TypeError("no number");
    return clamp(x, low, high);
  };
  const times = (list = []) =>
    list
      .map(([start, stop, ...rest]) => [number(start, 0, duration), number(stop, 0, duration), ...rest])
      .filter(([start, stop]) => stop - start > SAME_TIME)
      .sort((a, b) => a[0] - b[0]);
  const intervals = (list) => times(list).reduce(withInterval, []);
  const apart = (list) =>
    times(list).reduce((kept, one) => (kept.length && one[0] < kept.at(-1)[1] - SAME_TIME ? kept : [...kept, one]), []);
  const mine = (object = {}) => run.classes.filter((name) => Object.hasOwn(object, name)).map((name) => [name, object[name]]);
  const ruling = ({ ruled, answered, bouts }) => ({
    ruled: intervals(ruled),
    answered: intervals(answered),
    bouts: apart(bouts),
  });
  const most = { threshold: 1, off_threshold: 1, minimum_bout: Infinity, minimum_gap: Infinity };
  const settings = (all) =>
    Object.fromEntries(SLIDERS.filter((key) => key in all).map((key) => [key, number(all[key], 0, most[key])]));
  const parts = {
    rulings: value.rulings && Object.fromEntries(mine(value.rulings).map(([name, one]) => [name, ruling(one)])),
    checked: value.checked && intervals(value.checked),
    answers:
      value.answers &&
      times(value.answers).map(([start, stop, labels]) => [start, stop, run.classes.filter((name) => labels.includes(name))]),
  };
  const settled = Object.fromEntries(mine(value.settings).map(([name, one]) => [name, settings(one)]));
  return { ...Object.fromEntries(Object.entries(parts).filter(([, part]) => part)), settings: settled };
}

/** All work on a report as the text of a file, for another browser or another person: videos that were worked on. */
function asFile(corrections) {
  const { run, state } = corrections;
  const units = run.units.map(({ name }) => [name, recordOf(state, name, {})]);
  const worked = Object.fromEntries(units.filter(([, record]) => Object.keys(record).length));
  const told = { amclip: "corrections", classes: run.classes, settings: state.settings, videos: worked };
  return JSON.stringify(told, null, 1) + "\n";
}

/**
 * Take up the work of a file: its thresholds, and of the videos that it worked on, in place of what was done here.
 *
 * @returns how many videos were taken
 * @throws Error in words for people
 */
function takeFile(corrections, text) {
  const { run, state } = corrections;
  let records;
  let settings;
  try {
    const told = JSON.parse(text);
    if (told.amclip !== "corrections") throw new TypeError("of another kind");
    records = run.units.map(({ name, duration }) => {
      const one = own(told.videos, name);
      return one ? asRecord({ ...one, settings: {} }, run, duration) : null;
    });
    settings = asRecord({ settings: told.settings }, run, 0).settings;
    if (Object.keys(told.videos).length && records.every((record) => !record)) settings = null;
  } catch {
    throw new Error("this is not work that a report of amclip has saved");
  }
  if (!settings) throw new Error("the file has work on other videos than those of this report");
  const count = new Set(run.units.filter((_, index) => records[index]).map(({ video }) => video)).size;
  const all = run.classes.map((name) => [name, { ...own(run.settings, name), ...own(settings, name) }]);
  const next = withRecords({ ...state, settings: Object.fromEntries(all) }, run, records);
  corrections.put(next, `work on ${count} of ${run.videos.length} videos taken up`);
  return count;
}
