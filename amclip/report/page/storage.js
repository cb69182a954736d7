// What is kept of a person's work: in the browser between visits, and in files that carry it to another one. A record
// per video, found by a digest of the video's scores: a report with more videos, or cut by other settings, finds it again.

const PARTS = ["rulings", "checked", "answers"]; // of a state, each by name of the video

class Kept {
  constructor(run) {
    this.run = run;
    this.keys = run.videos.map(({ scores }) => `${TOOLS}:${scores}`);
    this.works = true; // false where the browser keeps nothing
    this.seen = null; // the state that was read or written last
  }

  /** The state that the browser has kept; what it has not is as in `first`. */
  read(first) {
    const records = this.keys.map((key) => this.record(key));
    this.seen = withRecords(first, this.run, records);
    return this.seen;
  }

  /** A record, or null. What cannot be read is put aside, so that it is not lost when another takes its place. */
  record(key) {
    let text = null;
    try {
      text = localStorage.getItem(key);
      return text === null ? null : asRecord(JSON.parse(text), this.run);
    } catch {
      if (text === null) this.works = false;
      else this.set(`${key}:unreadable`, text);
      return null;
    }
  }

  /**
   * Keep a state; only what differs from the one before is written. Thresholds are kept with the first video and with
   * those that were worked on: a slider must not write the records of hundreds of videos.
   */
  write(state) {
    const before = this.seen;
    this.seen = state;
    const moved = movedSettings(state, this.run);
    this.run.videos.forEach(({ video }, index) => {
      const same = PARTS.every((part) => own(before[part], video) === own(state[part], video));
      const touched = index === 0 || PARTS.some((part) => own(state[part], video));
      if (same && (before.settings === state.settings || !touched)) return;
      const record = recordOf(state, video, touched ? moved : {});
      if (Object.keys(record).length) this.set(this.keys[index], JSON.stringify(record));
      else this.remove(this.keys[index]);
    });
  }

  set(key, text) {
    try {
      localStorage.setItem(key, text);
      this.works = true;
    } catch {
      this.works = false;
    }
  }

  remove(key) {
    try {
      localStorage.removeItem(key);
    } catch {
      this.works = false;
    }
  }
}

/** What is to be kept of a video. Thresholds that nobody moved are not: they are those of the run, also of a later one. */
function recordOf(state, video, moved) {
  const parts = PARTS.map((part) => [part, own(state[part], video)]).filter(([, value]) => value);
  return Object.fromEntries([...parts, ...(Object.keys(moved).length ? [["settings", moved]] : [])]);
}

function movedSettings(state, run) {
  const differs = ([name, mine]) => JSON.stringify(mine) !== JSON.stringify(own(run.settings, name));
  return Object.fromEntries(Object.entries(state.settings).filter(differs));
}

/** A state with records, one per video of the run or null, in place of what it had; the first says the thresholds. */
function withRecords(state, run, records) {
  const next = { ...state };
  [...run.videos.entries()].reverse().forEach(([index, { video }]) => {
    const record = records[index];
    if (!record) return;
    for (const part of PARTS) next[part] = { ...next[part], [video]: record[part] };
    const settings = run.classes.map((name) => [name, { ...own(next.settings, name), ...own(record.settings, name) }]);
    next.settings = Object.fromEntries(settings);
  });
  return next;
}

/**
 * A record as this page needs it, from JSON of any kind: behaviours that the run does not have are left out.
 *
 * @throws TypeError if it is no record
 */
function asRecord(value, run) {
  const stretches = (list = []) => list.map(([start, stop]) => [number(start), number(stop)]);
  const number = (x) => {
    if (!Number.isFinite(x)) throw new TypeError("no number");
    return x;
  };
  const mine = (object = {}) => run.classes.filter((name) => Object.hasOwn(object, name)).map((name) => [name, object[name]]);
  const ruling = ({ ruled, answered, bouts }) => ({
    ruled: stretches(ruled),
    answered: stretches(answered),
    bouts: stretches(bouts),
  });
  const settings = (all) => Object.fromEntries(SLIDERS.filter((key) => key in all).map((key) => [key, number(all[key])]));
  return {
    rulings: Object.fromEntries(mine(value.rulings).map(([name, one]) => [name, ruling(one)])),
    checked: stretches(value.checked),
    answers: (value.answers ?? []).map(([start, stop, labels]) => [
      number(start),
      number(stop),
      run.classes.filter((name) => labels.includes(name)),
    ]),
    settings: Object.fromEntries(mine(value.settings).map(([name, one]) => [name, settings(one)])),
  };
}

/** All work on a report as the text of a file, for another browser or another person. */
function asFile(corrections) {
  const { run, state } = corrections;
  const videos = run.videos.map(({ video }) => [video, recordOf(state, video, {})]);
  const told = { amclip: "corrections", classes: run.classes, settings: movedSettings(state, run) };
  return JSON.stringify({ ...told, videos: Object.fromEntries(videos) }, null, 1) + "\n";
}

/**
 * Take up the work of a file: of the videos that both have, in place of what was done here.
 *
 * @returns how many videos were taken
 * @throws Error in words for people
 */
function takeFile(corrections, text) {
  const { run } = corrections;
  let records;
  try {
    const told = JSON.parse(text);
    if (told.amclip !== "corrections") throw new TypeError("of another kind");
    const { settings } = told;
    records = run.videos.map(({ video }) => {
      const one = own(told.videos, video);
      return one ? asRecord({ ...one, settings }, run) : null;
    });
  } catch {
    throw new Error("this is no file of corrections that a report of amclip has saved");
  }
  const count = records.filter(Boolean).length;
  if (!count) throw new Error("the file has corrections of other videos than those of this report");
  corrections.put(withRecords(corrections.state, run, records), `corrections of ${count} of ${run.videos.length} videos taken up`);
  return count;
}
