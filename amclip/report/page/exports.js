// Corrected bouts as files that `amclip fit` reads: amclip's own label table, and BORIS' events.

function csv(rows) {
  const cell = (value) => (/[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value));
  return rows.map((row) => row.map(cell).join(",") + "\n").join("");
}

/** Stretches of a video to be written: all of it, or what was checked. */
function stretchesOf(corrections, video, onlyChecked) {
  const { duration } = corrections.run.videos[video];
  return onlyChecked ? corrections.checked(video) : [[0, duration]];
}

/** Windows of one length within a stretch; what is left behind the last is left out (amclip/data/intervals.py). */
function windowsIn([from, to], length, hop) {
  const last = Math.floor((to - from - length + SAME_TIME) / hop);
  if (last < 0) return [[from, to]];
  const rounded = (x) => Math.round(x * 1e9) / 1e9;
  return Array.from({ length: last + 1 }, (_, k) => {
    const start = rounded(from + k * hop);
    return [start, Math.min(rounded(start + length), to)];
  });
}

/** Pieces of a stretch, cut wherever a behaviour starts or stops. */
function piecesIn([from, to], bouts) {
  const inner = bouts.flatMap((one) => one.flat()).filter((time) => time > from && time < to);
  const edges = [...new Set([from, ...inner, to])].sort((a, b) => a - b);
  return edges.slice(1).map((stop, k) => [edges[k], stop]);
}

/**
 * The label table: filepath,start,stop,label, and split where one is given.
 *
 * @param how { form: "windows" | "pieces", length, hop, share, onlyChecked, split: "" | "time" | a split }
 */
function labelTable(corrections, how) {
  const { classes, videos } = corrections.run;
  const rows = [["filepath", "start", "stop", "label", ...(how.split ? ["split"] : [])]];
  videos.forEach(({ video }, index) => {
    const bouts = classes.map((_, column) => withStretches(corrections.bouts(index, column)));
    const mine = [];
    for (const stretch of stretchesOf(corrections, index, how.onlyChecked)) {
      const clips = how.form === "windows" ? windowsIn(stretch, how.length, how.hop) : piecesIn(stretch, bouts);
      const share = how.form === "windows" ? how.share : 0.5;
      for (const [start, stop] of clips) {
        const held = classes.filter((_, c) => covered(bouts[c], start, stop) >= share * (stop - start) - SAME_TIME);
        mine.push([video, start, stop, held.join(";")]);
      }
    }
    rows.push(...(how.split ? withSplits(mine, how.split) : mine));
  });
  return csv(rows);
}

/**
 * Clips of one video with their split. By time, the last fifth is for validation; clips that reach over the border are
 * left out, so that no frame is in both.
 */
function withSplits(clips, split) {
  if (split !== "time") return clips.map((clip) => [...clip, split]);
  const count = clips.length < 2 ? clips.length : Math.min(Math.ceil(0.8 * clips.length), clips.length - 1);
  const train = clips.slice(0, count);
  const border = Math.max(...train.map((clip) => clip[2]));
  const val = clips.slice(count).filter((clip) => clip[1] >= border - SAME_TIME);
  return [...train.map((clip) => [...clip, "train"]), ...val.map((clip) => [...clip, "val"])];
}

/** Bouts of one behaviour as stretches; where a person's bout touches the model's they are one. */
function withStretches(bouts) {
  return bouts.reduce((joined, { start, stop }) => withStretch(joined, [start, stop]), []);
}

/** All corrected bouts: one per behaviour and stretch. */
function correctedBouts(corrections, video) {
  const { classes } = corrections.run;
  return classes
    .flatMap((behaviour, c) =>
      withStretches(corrections.bouts(video, c)).map(([start, stop]) => ({ behaviour, start, stop })),
    )
    .sort((a, b) => a.start - b.start);
}

/** When behaviours start and stop, by time, then by behaviour; stops come first, so that no state is open twice. */
function startsAndStops(corrections, video) {
  const events = correctedBouts(corrections, video).flatMap(({ behaviour, start, stop }) => [
    { behaviour, time: start, type: "START" },
    { behaviour, time: stop, type: "STOP" },
  ]);
  const order = (a, b) => (a < b ? -1 : Number(a > b));
  return events.sort((a, b) => a.time - b.time || order(a.behaviour, b.behaviour) || order(b.type, a.type));
}

/** Aggregated events with the columns of BORIS that amclip reads and writes. */
function borisAggregated(corrections) {
  const header = [
    ...["Observation id", "Observation date", "Description", "Observation type", "Source", "Time offset (s)"],
    ...["Media duration (s)", "FPS (frame/s)", "Subject", "Behavior", "Behavioral category", "Behavior type"],
    ...["Start (s)", "Stop (s)", "Duration (s)", "Media file name", "Comment start", "Comment stop"],
  ];
  const rows = [header];
  corrections.run.videos.forEach(({ video, observation, duration, fps }, index) => {
    for (const { behaviour, start, stop } of correctedBouts(corrections, index)) {
      rows.push([
        ...[observation, "", "", "Media file(s)", `player #1:${video}`, "0.0"],
        ...[duration, fps, "No focal subject", behaviour, "", "STATE"],
        ...[start, stop, (stop - start).toFixed(6), video, "", ""],
      ]);
    }
  });
  return csv(rows);
}

/** Tabular events: a row when a behaviour starts and one when it stops. */
function borisTabular(corrections) {
  const header = [
    ...["Observation id", "Observation date", "Description", "Observation type", "Source", "Time offset (s)"],
    ...["Media duration (s)", "FPS (frame/s)", "Subject", "Behavior", "Behavioral category", "Behavior type"],
    ...["Time", "Media file name", "Comment"],
  ];
  const rows = [header];
  corrections.run.videos.forEach(({ video, observation, duration, fps }, index) => {
    for (const { behaviour, time, type } of startsAndStops(corrections, index)) {
      rows.push([
        ...[observation, "", "", "Media file(s)", `player #1:${video}`, "0.0"],
        ...[duration, fps, "No focal subject", behaviour, "", type],
        ...[time, video, ""],
      ]);
    }
  });
  return csv(rows);
}

/** A project that BORIS opens: every video an observation, also one without bouts. */
function borisProject(page) {
  const { run, corrections } = page;
  const observations = run.videos.map(({ observation, boris }, index) => {
    const scores = page.scoresOf(index);
    const events = startsAndStops(corrections, index).map(({ behaviour, time, type }) => {
      const frame = Math.round(scores.frameAt(time));
      return [Math.round(time * 1e6) / 1e6, "", behaviour, "", "", Math.min(frame, scores.video.num_frames - 1)];
    });
    return `${JSON.stringify(observation)}: ${JSON.stringify({ ...boris, events })}`;
  });
  return run.boris.join(`\n${observations.join(",\n")}`);
}

function download(name, text, type = "text/csv") {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = element("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
