// Corrected bouts as files that `amclip fit` reads: amclip's own label table, and BORIS' events.

function csv(rows) {
  const cell = (value) => (/[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  return rows.map((row) => row.map(cell).join(",") + "\n").join("");
}

/**
 * Intervals of a unit to be written: all of it, or what was checked; answers have theirs. Of an animal it is the time in
 * which it is in the picture, or a person says that it shows something: nobody can label what is not there.
 */
function intervalsOf(corrections, unit, part) {
  const { duration, absent } = corrections.run.units[unit];
  if (part === "answers") return corrections.asked(unit).map(([start, stop]) => [start, stop]);
  const bouts = corrections.run.classes.flatMap((_, column) => corrections.ruling(unit, column).bouts);
  const away = withoutIntervals(absent, bouts);
  return withoutIntervals(part === "checked" ? corrections.checked(unit) : [[0, duration]], away);
}

/** Windows of one length within an interval; what is left behind the last is left out (amclip/data/intervals.py). */
function windowsIn([from, to], length, hop) {
  const last = Math.floor((to - from - length + SAME_TIME) / hop);
  if (last < 0) return [[from, to]];
  const rounded = (x) => Math.round(x * 1e9) / 1e9;
  return Array.from({ length: last + 1 }, (_, k) => {
    const start = rounded(from + k * hop);
    return [start, Math.min(rounded(start + length), to)];
  });
}

/** Pieces of an interval, cut wherever a behaviour starts or stops. */
function piecesIn([from, to], bouts) {
  const inner = bouts.flatMap((one) => one.flat()).filter((time) => time > from && time < to);
  const edges = [...new Set([from, ...inner, to])].sort((a, b) => a - b);
  return edges.slice(1).map((stop, k) => [edges[k], stop]);
}

/**
 * The label table: filepath,start,stop,label, with the subject where animals are told apart, and split where one is given.
 *
 * @param how { part: "all" | "checked" | "answers", form: "windows" | "pieces", length, hop, share,
 *   split: "" | "time" | a split }. Answers are written as they were asked for.
 */
function labelTable(corrections, how) {
  const { units, videos } = corrections.run;
  const apart = units.some(({ label }) => label);
  const rows = [["filepath", ...(apart ? ["subject"] : []), "start", "stop", "label", ...(how.split ? ["split"] : [])]];
  videos.forEach((about, video) => {
    const clips = units.flatMap(({ subject, video: mine }, unit) => {
      if (mine !== video) return [];
      const found = how.part === "answers" ? corrections.asked(unit) : labelledClips(corrections, unit, how);
      return found.map(([start, stop, labels]) => ({ subject, start, stop, labels }));
    });
    if (apart) clips.sort((a, b) => a.start - b.start || a.stop - b.stop); // of all animals, as splits by time need them
    for (const { subject, start, stop, labels, split } of how.split ? withSplits(clips, how.split) : clips)
      rows.push([about.video, ...(apart ? [subject] : []), start, stop, labels.join(";"), ...(split ? [split] : [])]);
  });
  return csv(rows);
}

/** Clips of the intervals of a unit: [start, stop, names of the behaviours that fill enough of it]. */
function labelledClips(corrections, unit, how) {
  const { classes } = corrections.run;
  const bouts = classes.map((_, column) => withIntervals(corrections.bouts(unit, column)));
  const share = how.form === "windows" ? how.share : 0.5;
  const clips = intervalsOf(corrections, unit, how.part).flatMap((interval) =>
    how.form === "windows" ? windowsIn(interval, how.length, how.hop) : piecesIn(interval, bouts),
  );
  return clips.map(([start, stop]) => [
    start,
    stop,
    classes.filter((_, column) => covered(bouts[column], start, stop) >= share * (stop - start) - SAME_TIME),
  ]);
}

/**
 * Clips of one video, of all its animals, by start, with their split. By time, those of the last fifth of the seconds are
 * for validation; clips that reach over the border are left out, so that no frame is in both.
 */
function withSplits(clips, split) {
  if (split !== "time") return clips.map((clip) => ({ ...clip, split }));
  const total = clips.reduce((sum, { start, stop }) => sum + stop - start, 0);
  let [count, seconds] = [0, 0];
  for (; count < clips.length && seconds < 0.8 * total - SAME_TIME; count++) seconds += clips[count].stop - clips[count].start;
  const behind = (train) => {
    const end = train.reduce((last, { stop }) => Math.max(last, stop), 0);
    return clips.slice(train.length).filter(({ start }) => start >= end - SAME_TIME);
  };
  let train = clips.slice(0, count);
  while (train.length > 1 && !behind(train).length) train = train.slice(0, -1); // validation gets one, if any can be had
  const val = train.length ? behind(train) : [];
  return [...train.map((clip) => ({ ...clip, split: "train" })), ...val.map((clip) => ({ ...clip, split: "val" }))];
}

/** Bouts of one behaviour as intervals; where a person's bout touches the model's they are one. */
function withIntervals(bouts) {
  return bouts.reduce((joined, { start, stop }) => withInterval(joined, [start, stop]), []);
}

/** All bouts of a video as they stand, one per behaviour and interval, animal by animal; of each by start. */
function correctedBouts(page, video) {
  return page.unitsOf(video).flatMap((unit) => boutsOfUnit(page, unit).sort((a, b) => a.start - b.start));
}

/** `human` where a person decided any of it. */
function boutsOfUnit({ corrections, run }, unit) {
  const { subject } = run.units[unit];
  return run.classes.flatMap((behaviour, column) => {
    const parts = corrections.bouts(unit, column);
    return withIntervals(parts).map(([start, stop]) => {
      const human = parts.some((part) => part.human && part.start < stop && part.stop > start);
      return { unit, subject, behaviour, column, start, stop, human };
    });
  });
}

/** When behaviours start and stop, by time, then by animal, then by behaviour; stops come first, so that no state is open twice. */
function startsAndStops(bouts) {
  const events = bouts.flatMap((bout) => [
    { bout, time: bout.start, type: "START" },
    { bout, time: bout.stop, type: "STOP" },
  ]);
  const order = (a, b) => (a < b ? -1 : Number(a > b));
  return events.sort(
    (a, b) =>
      a.time - b.time ||
      order(a.bout.subject, b.bout.subject) ||
      order(a.bout.behaviour, b.bout.behaviour) ||
      order(b.type, a.type),
  );
}

// BORIS. Columns, and what all rows of a video have in common, come from amclip/ethogram/boris_files.py.

const microseconds = (seconds) => seconds.toFixed(6);

/** The image index of a time: the frame that starts then, or the last one. */
function imageIndex(scores, time) {
  return Math.min(Math.round(scores.frameAt(time)), scores.video.num_frames - 1);
}

/** How sure the network is of a bout; or that a person decided it. */
function commentOn(page, { unit, column, start, stop, human }) {
  if (human) return "by hand";
  const { mean, peak } = page.scoresOf(unit).summary(column, start, stop);
  return `mean probability ${mean.toFixed(3)}, peak ${peak.toFixed(3)}`;
}

/** What says whose a bout is; the rows' own word for nobody stays where animals are not told apart. */
const subjectCell = ({ subject }) => (subject ? { Subject: subject } : {});

/** A table of events: `cellsOf(bouts, scores)` gives what is the rows' own. */
function borisTable(page, kind, cellsOf) {
  const columns = page.run.boris[kind];
  const rows = page.run.videos.flatMap(({ boris }, index) => {
    const cells = cellsOf(correctedBouts(page, index), page.scoresOf(page.unitsOf(index)[0]));
    return cells.map((row) => columns.map((name) => row[name] ?? boris[kind][name] ?? ""));
  });
  return csv([columns, ...rows]);
}

function borisAggregated(page) {
  return borisTable(page, "aggregated", (bouts, scores) => {
    const of = (unit) => bouts.filter((bout) => bout.unit === unit).reduce((sum, { start, stop }) => sum + stop - start, 0);
    const totals = new Map([...new Set(bouts.map(({ unit }) => unit))].map((unit) => [unit, microseconds(of(unit))]));
    return bouts.map((bout) => ({
      ...subjectCell(bout),
      "Observation duration by subject by observation": totals.get(bout.unit),
      Behavior: bout.behaviour,
      "Start (s)": microseconds(bout.start),
      "Stop (s)": microseconds(bout.stop),
      "Duration (s)": microseconds(bout.stop - bout.start),
      "Image index start": imageIndex(scores, bout.start),
      "Image index stop": imageIndex(scores, bout.stop),
      "Comment start": commentOn(page, bout),
    }));
  });
}

function borisTabular(page) {
  return borisTable(page, "tabular", (bouts, scores) =>
    startsAndStops(bouts).map(({ bout, time, type }) => ({
      ...subjectCell(bout),
      Behavior: bout.behaviour,
      "Behavior type": type,
      Time: microseconds(time),
      "Image index": imageIndex(scores, time),
    })),
  );
}

/** A project that BORIS opens: every video an observation, also one without bouts. */
function borisProject(page) {
  const { run } = page;
  const observations = run.videos.map(({ boris }, index) => {
    const scores = page.scoresOf(page.unitsOf(index)[0]);
    const events = startsAndStops(correctedBouts(page, index)).map(({ bout, time, type }) => {
      const comment = type === "START" ? commentOn(page, bout) : "";
      return [Number(microseconds(time)), bout.subject, bout.behaviour, "", comment, imageIndex(scores, time)];
    });
    return `${JSON.stringify(boris.id)}: ${JSON.stringify({ ...boris.observation, events })}`;
  });
  return run.boris.project.join(`\n${observations.join(",\n")}`);
}

function download(name, text, type = "text/csv") {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = element("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
