"use strict";
// Small things that every other part uses: the embedded data, times as people write them, and intervals of time.

const TOOLS = "amclip-report";
const SAME_TIME = 1e-6; // seconds; as amclip.ethogram.bouts, so that both cut alike

/** The JSON of an element of the page. */
function embedded(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

/** A typed array from base64 (little-endian, as every platform that runs browsers is). */
function decode(base64, Kind) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new Kind(bytes.buffer);
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Seconds as 1:02:03.45, hours only where there are any. */
function clock(seconds, digits = 2) {
  const unit = 10 ** digits;
  let rest = Math.round(Math.max(0, seconds) * unit);
  const part = rest % unit;
  rest = Math.floor(rest / unit);
  const [hours, minutes, secs] = [Math.floor(rest / 3600), Math.floor(rest / 60) % 60, rest % 60];
  const two = (n) => String(n).padStart(2, "0");
  const head = hours ? `${hours}:${two(minutes)}:${two(secs)}` : `${minutes}:${two(secs)}`;
  return digits ? `${head}.${String(part).padStart(digits, "0")}` : head;
}

/** An element with properties and children; text is set as text, so markup in names stays inert. */
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** A property of an object that may have any name for a key, also one that every object has. */
const own = (object, key) => (object && Object.hasOwn(object, key) ? object[key] : undefined);

const byId = (id) => document.getElementById(id);

/** Index of the last value of a rising array that is not above `wanted`; -1 if there is none. */
function lastNotAbove(values, wanted) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

// Intervals: sorted lists of disjoint [start, stop) in seconds.

/** The intervals with one more; those that overlap or touch become one. */
function withInterval(intervals, [start, stop]) {
  const apart = [];
  for (const [a, b] of intervals) {
    if (b < start - SAME_TIME || a > stop + SAME_TIME) apart.push([a, b]);
    else [start, stop] = [Math.min(start, a), Math.max(stop, b)];
  }
  return [...apart, [start, stop]].sort((a, b) => a[0] - b[0]);
}

/** What of the intervals lies outside of `cut`, a list of intervals. */
function withoutIntervals(intervals, cut) {
  let left = intervals;
  for (const [from, to] of cut) {
    left = left.flatMap(([a, b]) => {
      if (b <= from || a >= to) return [[a, b]];
      return [[a, from], [to, b]].filter(([x, y]) => y - x > SAME_TIME);
    });
  }
  return left;
}

/** Seconds of [start, stop) that the intervals cover. */
function covered(intervals, start, stop) {
  let sum = 0;
  for (const [a, b] of intervals) sum += Math.max(0, Math.min(b, stop) - Math.max(a, start));
  return sum;
}
