// Corrected bouts as files that `amclip fit` reads: amclip's own label table, and BORIS' events.

function csv(rows) {
  const cell = (value) => (/[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  return rows.map((row) => row.map(cell).join(",") + "\n").join("");
}

/** Intervals of a video to be written: all of it, or what was checked; answers have theirs. */
function intervalsOf(corrections, video, part) {
  const { duration } = corrections.run.videos[video];
  if (part === "answers") return corrections.asked(video).map(([start, stop]) => [start, stop]);
  return part === "checked" ? corrections.checked(video) : [[0, duration]];
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
 * The label table: filepath,start,stop,label, and split where one is given.
 *
 * @param how { part: "all" | "checked" | "answers", form: "windows" | "pieces", length, hop, share,
 *   split: "" | "time" | a split }. Answers are written as they were asked for.
 */
function labelTable(corrections, how) {
  const rows = [["filepath", "start", "stop", "label", ...(how.split ? ["split"] : [])]];
  corrections.run.videos.forEach(({ video }, index) => {
    const clips = how.part === "answers" ? corrections.asked(index) : labelledClips(corrections, index, how);
    const mine = clips.map(([start, stop, labels]) => [video, start, stop, labels.join(";")]);
    rows.push(...(how.split ? withSplits(mine, how.split) : mine));
  });
  return csv(rows);
}

/** Clips of the intervals of a video: [start, stop, names of the behaviours that fill enough of it]. */
function labelledClips(corrections, video, how) {
  const { classes } = corrections.run;
  const bouts = classes.map((_, column) => withIntervals(corrections.bouts(video, column)));
  const share = how.form === "windows" ? how.share : 0.5;
  const clips = intervalsOf(corrections, video, how.part).flatMap((interval) =>
    how.form === "windows" ? windowsIn(interval, how.length, how.hop) : piecesIn(interval, bouts),
  );
  return clips.map(([start, stop]) => [
    start,
    stop,
    classes.filter((_, column) => covered(bouts[column], start, stop) >= share * (stop - start) - SAME_TIME),
  ]);
}

/**
 * Clips of one video with their split. By time, those of the last fifth of the seconds are for validation; clips that
 * reach over the border are left out, so that no frame is in both.
 */
function withSplits(clips, split) {
  if (split !== "time") return clips.map((clip) => [...clip, split]);
  const total = clips.reduce((sum, [, start, stop]) => sum + stop - start, 0);
  let [count, seconds] = [0, 0];
  for (; count < clips.length && seconds < 0.8 * total - SAME_TIME; count++) seconds += clips[count][2] - clips[count][1];
  const behind = (train) => clips.slice(train.length).filter((clip) => clip[1] >= train.at(-1)[2] - SAME_TIME);
  let train = clips.slice(0, count);
  while (train.length > 1 && !behind(train).length) train = train.slice(0, -1); // validation gets one, if any can be had
  const val = train.length ? behind(train) : [];
  return [...train.map((clip) => [...clip, "train"]), ...val.map((clip) => [...clip, "val"])];
}

/** Bouts of one behaviour as intervals; where a person's bout touches the model's they are one. */
function withIntervals(bouts) {
  return bouts.reduce((joined, { start, stop }) => withInterval(joined, [start, stop]), []);
}

/** All bouts as they stand, one per behaviour and interval, by start; `human` where a person decided any of it. */
function correctedBouts(corrections, video) {
  const bouts = corrections.run.classes.flatMap((behaviour, column) => {
    const parts = corrections.bouts(video, column);
    return withIntervals(parts).map(([start, stop]) => {
      const human = parts.some((part) => part.human && part.start < stop && part.stop > start);
      return { behaviour, column, start, stop, human };
    });
  });
  return bouts.sort((a, b) => a.start - b.start);
}

/** When behaviours start and stop, by time, then by behaviour; stops come first, so that no state is open twice. */
function startsAndStops(bouts) {
  const events = bouts.flatMap((bout) => [
    { bout, time: bout.start, type: "START" },
    { bout, time: bout.stop, type: "STOP" },
  ]);
  const order = (a, b) => (a < b ? -1 : Number(a > b));
  return events.sort(
    (a, b) => a.time - b.time || order(a.bout.behaviour, b.bout.behaviour) || order(b.type, a.type),
  );
}

// BORIS. Columns, and what all rows of a video have in common, come from amclip/ethogram/boris_files.py.

const microseconds = (seconds) => seconds.toFixed(6);

/** The image index of a time: the frame that starts then, or the last one. */
function imageIndex(scores, time) {
  return Math.min(Math.round(scores.frameAt(time)), scores.video.num_frames - 1);
}

/** How sure the network is of a bout; or that a person decided it. */
function commentOn(scores, { column, start, stop, human }) {
  if (human) return "by hand";
  const { mean, peak } = scores.summary(column, start, stop);
  return `mean probability ${mean.toFixed(3)}, peak ${peak.toFixed(3)}`;
}

/** A table of events: `cellsOf(bouts, scores)` gives what is the rows' own. */
function borisTable(page, kind, cellsOf) {
  const columns = page.run.boris[kind];
  const rows = page.run.videos.flatMap(({ boris }, index) => {
    const cells = cellsOf(correctedBouts(page.corrections, index), page.scoresOf(index));
    return cells.map((row) => columns.map((name) => row[name] ?? boris[kind][name] ?? ""));
  });
  return csv([columns, ...rows]);
}

function borisAggregated(page) {
  return borisTable(page, "aggregated", (bouts, scores) => {
    const total = bouts.reduce((sum, { start, stop }) => sum + stop - start, 0);
    return bouts.map((bout) => ({
      "Observation duration by subject by observation": microseconds(total),
      Behavior: bout.behaviour,
      "Start (s)": microseconds(bout.start),
      "Stop (s)": microseconds(bout.stop),
      "Duration (s)": microseconds(bout.stop - bout.start),
      "Image index start": imageIndex(scores, bout.start),
      "Image index stop": imageIndex(scores, bout.stop),
      "Comment start": commentOn(scores, bout),
    }));
  });
}

function borisTabular(page) {
  return borisTable(page, "tabular", (bouts, scores) =>
    startsAndStops(bouts).map(({ bout, time, type }) => ({
      Behavior: bout.behaviour,
      "Behavior type": type,
      Time: microseconds(time),
      "Image index": imageIndex(scores, time),
    })),
  );
}

/** A project that BORIS opens: every video an observation, also one without bouts. */
function borisProject(page) {
  const { run, corrections } = page;
  const observations = run.videos.map(({ boris }, index) => {
    const scores = page.scoresOf(index);
    const bouts = correctedBouts(corrections, index);
    const events = startsAndStops(bouts).map(({ bout, time, type }) => {
      const comment = type === "START" ? commentOn(scores, bout) : "";
      return [Number(microseconds(time)), "", bout.behaviour, "", comment, imageIndex(scores, time)];
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
