// From a probability curve to bouts, as amclip/ethogram/bouts.py does it (a test compares the two).

/**
 * Bouts of one curve: hysteresis, then gaps closed, then short bouts dropped.
 *
 * @param curve probabilities of T cells, already smoothed; NaN where the animal is absent, over which nothing is joined
 * @param edges where the cells begin and end, T + 1 seconds
 * @param settings threshold, off_threshold, minimum_bout, minimum_gap
 * @returns a list of [first cell, cell after the last]
 */
function runsOf(curve, edges, settings) {
  const joined = [];
  for (let cell = 0; cell < curve.length; cell++) {
    if (!(curve[cell] >= settings.off_threshold)) continue;
    let first = cell;
    let peak = 0;
    for (; cell < curve.length && curve[cell] >= settings.off_threshold; cell++) peak = Math.max(peak, curve[cell]);
    if (peak < settings.threshold) continue;
    const before = joined.at(-1);
    const short = before && edges[first] - edges[before[1]] < settings.minimum_gap - SAME_TIME;
    if (short && !curve.subarray(before[1], first).some(Number.isNaN)) [first] = joined.pop();
    joined.push([first, cell]);
  }
  return joined.filter(([first, stop]) => edges[stop] - edges[first] >= settings.minimum_bout - SAME_TIME);
}

/**
 * What is embedded of one video, decoded: cells, probabilities (of its animals one after the other, class by class), and,
 * where animals were tracked, the size of the picture and their boxes.
 */
function decoded(data) {
  return {
    edges: decode(data.edges, Float64Array),
    frames: decode(data.edge_frames, Int32Array),
    probabilities: decode(data.probabilities, Float32Array),
    size: data.size ?? null,
    boxes: (data.boxes ?? []).map((packed) => packed && boxesOf(packed)),
  };
}

/**
 * Scores of a video or of one animal in it: cells, curves, and the way between seconds and frames. The animals of a video
 * share its cells. In cells in which an animal is not in the picture its probabilities are NaN.
 */
class Scores {
  /**
   * @param video what the page knows of the video
   * @param data cells and probabilities of the video, decoded
   * @param classes names of the behaviours
   * @param place of the animal among those of the video
   */
  constructor(video, { edges, frames, probabilities }, classes, place) {
    Object.assign(this, { video, edges, frames });
    const cells = edges.length - 1;
    const first = place * classes.length;
    this.curves = classes.map((_, c) => probabilities.subarray((first + c) * cells, (first + c + 1) * cells));
  }

  /** Place of a time among the frames, with the part of a frame. */
  frameAt(time) {
    const { edges, frames } = this;
    const cell = clamp(lastNotAbove(edges, time), 0, edges.length - 2);
    const part = (time - edges[cell]) / (edges[cell + 1] - edges[cell]);
    return frames[cell] + part * (frames[cell + 1] - frames[cell]);
  }

  /** The cells that an interval touches: [first, cell after the last]. */
  cellsOf(start, stop) {
    const first = clamp(lastNotAbove(this.edges, start + SAME_TIME), 0, this.edges.length - 2);
    return [first, clamp(lastNotAbove(this.edges, stop - SAME_TIME) + 1, first + 1, this.edges.length - 1)];
  }

  /** When a frame is shown; exact where a window starts or stops, between them frames are evenly spaced. */
  timeOf(frame) {
    const { edges, frames } = this;
    const found = lastNotAbove(frames, frame);
    if (frame === frames[found]) return edges[found];
    const cell = clamp(found, 0, edges.length - 2);
    return edges[cell] + ((frame - frames[cell]) / (frames[cell + 1] - frames[cell])) * (edges[cell + 1] - edges[cell]);
  }

  /** The frame that is on screen at a time. */
  shownAt(time) {
    return clamp(Math.floor(this.frameAt(time) + 1e-3), 0, Math.max(0, this.video.num_frames - 1));
  }

  /** The start of the frame nearest to a time; the end of the video counts as one. */
  snapped(time) {
    return this.timeOf(clamp(Math.round(this.frameAt(time)), 0, this.video.num_frames));
  }

  /** Mean over time and peak of a curve between two times, as far as it is known; 0 where it is not. */
  summary(column, start, stop) {
    const curve = this.curves[column];
    let [sum, length, peak] = [0, 0, 0];
    for (let cell = Math.max(0, lastNotAbove(this.edges, start)); cell < curve.length; cell++) {
      if (this.edges[cell] >= stop) break;
      const part = Math.min(stop, this.edges[cell + 1]) - Math.max(start, this.edges[cell]);
      if (part <= 0 || Number.isNaN(curve[cell])) continue;
      sum += part * curve[cell];
      length += part;
      peak = Math.max(peak, curve[cell]);
    }
    return { mean: length ? sum / length : 0, peak };
  }
}
