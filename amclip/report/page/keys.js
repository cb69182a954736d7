// Keys, and the table of them that the page shows: one list for both.

/** What can be done to the selected bout and the mark, by key or button. */
const ACTIONS = {
  playBout: (page, bout) => page.player.playInterval(bout.start, bout.stop),
  zoomToBout: (page, bout) => {
    const margin = Math.max(1, bout.stop - bout.start);
    page.view.show(bout.start - margin, bout.stop + margin);
  },
  startHere: (page, bout) => moveHere(page, bout, "start"),
  stopHere: (page, bout) => moveHere(page, bout, "stop"),
  accept: (page, bout) => page.corrections.accept(page.unit, page.column, bout),
  remove: (page, bout) => {
    page.corrections.remove(page.unit, page.column, bout);
    page.selected = null;
  },
  markIn: (page) => mark(page, "from", page.scores.timeOf(page.scores.shownAt(page.player.time))),
  markOut: (page) => mark(page, "to", page.scores.timeOf(page.scores.shownAt(page.player.time) + 1)),
  add: (page) => {
    const { from, to } = page.marks;
    if (from == null || to == null) return page.say("mark from where to where first: keys I and O");
    addBout(page, from, to);
    page.marks = { from: null, to: null };
  },
  checked: (page) => page.corrections.toggleChecked([page.unit], markedOrSeen(page)),
  allChecked: (page) => page.corrections.toggleChecked(page.unitsOf(page.video), markedOrSeen(page)),
  exchange: (page) => {
    const { from, to } = page.marks;
    if (from == null || to == null) return page.say("mark from where to where first: keys I and O");
    page.corrections.exchange(page.unit, Number(byId("exchange-with").value), [from, to]);
  },
};

const WITHOUT_BOUT = new Set(["markIn", "markOut", "add", "checked", "allChecked", "exchange"]);

function markedOrSeen(page) {
  const { from, to } = page.marks;
  return from != null && to != null ? [from, to] : [page.view.from, page.view.to];
}

function act(page, name) {
  const { bout } = page;
  if (bout || WITHOUT_BOUT.has(name)) ACTIONS[name](page, bout);
  else page.say(`no bout of ${page.rowName} is selected: click on one, or press N for the next`);
  page.changed();
}

/** An edge to the frame on screen: it is the first frame of the bout, or its last. */
function moveHere(page, bout, side) {
  const frame = page.scores.shownAt(page.player.time);
  const time = page.scores.timeOf(side === "start" ? frame : frame + 1);
  const { start, stop } = { ...bout, [side]: time };
  if (stop <= start) return page.say("a bout must start before it stops");
  moveBout(page, bout, start, stop);
}

function mark(page, side, time) {
  page.marks = { ...page.marks, [side]: time };
  const { from, to } = page.marks;
  if (from != null && to != null && to <= from) page.marks = { from: null, to: null, [side]: time };
  page.say(`marked ${side} ${clock(time)}`);
}

const OF_ANIMALS = true;

/**
 * Each: keys as `event.key` gives them, what the table says, what happens, and whether it needs animals that are told apart.
 * "Shift+" only where it matters.
 */
const KEYS = [
  [["Space", "K"], "Play or pause", (page) => page.player.toggle()],
  [[",", "."], "One frame back, on", (page, key) => page.player.step(key === "," ? -1 : 1)],
  [["ArrowLeft", "ArrowRight"], "One second back, on", (page, key) => seekBy(page, key === "ArrowLeft" ? -1 : 1)],
  [
    ["Shift+ArrowLeft", "Shift+ArrowRight"],
    "Ten seconds back, on",
    (page, key) => seekBy(page, key === "Shift+ArrowLeft" ? -10 : 10),
  ],
  [["Home", "End"], "Start, end of the video", (page, key) => seekBy(page, key === "Home" ? -Infinity : Infinity)],
  [["N", "P"], "Next bout, bout before, of the behaviour", (page, key) => page.jump(key === "N" ? 1 : -1)],
  [["Shift+N", "Shift+P"], "The same, of any behaviour", (page, key) => page.jump(key === "Shift+N" ? 1 : -1, true)],
  [["ArrowUp", "ArrowDown"], "Behaviour above, below", (page, key) => page.moveRow(key === "ArrowUp" ? -1 : 1)],
  [["W", "Shift+W"], "Next animal, animal before", (page, key) => page.turnAnimal(key === "W" ? 1 : -1), OF_ANIMALS],
  [["Y"], "Fold the rows of the other animals, unfold all", (page) => page.foldOthers(), OF_ANIMALS],
  [["B"], "Play the bout, or the interval to label", (page) => (page.run.suggestions && !page.bout ? playSuggestion(page) : act(page, "playBout"))],
  [["S", "E"], "The bout starts with, ends with the frame on screen", (page, key) => act(page, key === "S" ? "startHere" : "stopHere")],
  [["I", "O"], "Mark from, up to the frame on screen", (page, key) => act(page, key === "I" ? "markIn" : "markOut")],
  [["A"], "Make the mark a bout of the behaviour", (page) => act(page, "add")],
  [["R"], "Relabel the bout: choose a behaviour", (page) => byId("bout-behaviour").focus()],
  [["M"], "The bout is another animal's: choose it", (page) => focusAnimals(page, "bout-animal"), OF_ANIMALS],
  [["Shift+M"], "Exchange animals in the mark: choose with which", (page) => focusAnimals(page, "exchange-with"), OF_ANIMALS],
  [["Delete", "Backspace", "X"], "Delete the bout", (page) => act(page, "remove")],
  [["Enter"], "Accept the bout; keep the answer to an interval to label", (page) => (page.run.suggestions ? keepAnswer(page) : act(page, "accept"))],
  [["C"], "The mark (or what is in sight) is checked, or no longer", (page) => act(page, "checked")],
  [["Shift+C"], "The same, for every animal", (page) => act(page, "allChecked"), OF_ANIMALS],
  [["T"], "Threshold: then left and right", () => byId("threshold").focus()],
  [["+", "=", "-"], "Zoom in, out", (page, key) => page.view.zoom(key === "-" ? 2 : 1 / 2, page.player.time)],
  [["0", "Z"], "Whole video, selected bout in sight", (page, key) => (key === "0" ? page.view.show(0, page.view.duration) : act(page, "zoomToBout"))],
  [["F"], "Flow on or off", () => byId("flow-on").click()],
  [["L"], "Boxes of the animals on or off", () => byId("boxes-on").click(), OF_ANIMALS],
  [["V", "Shift+V"], "Next video, video before", (page, key) => turnVideo(page, key === "V" ? 1 : -1)],
  [["G", "Shift+G"], "Next interval to label, interval before", (page, key) => page.run.suggestions && suggest(page, page.suggestion + (key === "G" ? 1 : -1))],
  [["1–9"], "Choose a behaviour for the interval to label", () => {}],
  [["Ctrl+Z", "U"], "Undo", (page) => page.corrections.undo()],
  [["Ctrl+Y", "Ctrl+Shift+Z", "Shift+U"], "Redo", (page) => page.corrections.redo()],
  [["Escape"], "Out of a field; let go of bout and mark", (page) => letGo(page)],
  [["D"], "Download", (page) => openDownload(page)],
  [["?", "H"], "This list", () => byId("help").showModal()],
];

function seekBy(page, seconds) {
  page.player.until = null;
  page.player.seek(clamp(page.player.time + seconds, 0, page.view.duration));
  page.view.reveal(page.player.time);
}

function turnVideo(page, direction) {
  const count = page.run.videos.length;
  page.showVideo((page.video + direction + count) % count);
  page.say(page.run.videos[page.video].video);
}

function focusAnimals(page, list) {
  if (page.unitsOf(page.video).length > 1) byId(list).focus();
  else page.say("there is no other animal in this video");
}

function letGo(page) {
  page.selected = null;
  page.marks = { from: null, to: null };
  page.changed();
}

const keysOf = ({ run }) => KEYS.filter(([, , , ofAnimals]) => !ofAnimals || run.units.some(({ label }) => label));

function connectKeys(page) {
  const table = byId("keys");
  const known = new Map();
  for (const [keys, says, run] of keysOf(page)) {
    const named = keys.flatMap((key, k) => [...(k ? [" "] : []), element("kbd", { textContent: shown(key) })]);
    table.append(element("tr", {}, element("td", {}, ...named), element("td", { textContent: says })));
    for (const key of keys) known.set(key, run);
  }
  giveBackFocus();
  document.addEventListener("keydown", (event) => {
    if (event.altKey || document.querySelector("dialog[open]")) return;
    const key = pressed(event);
    const control = event.ctrlKey || event.metaKey;
    if (!control && !byId("keys-on").checked) return;
    if (isTyping(event.target, event.key)) return;
    const leaves = key === "Escape" || (key === "Enter" && event.target.matches("select"));
    if (leaves && event.target.matches("select, input")) {
      delete event.target.dataset.typing; // what was not finished is dropped
      page.draw();
      return byId("raster-box").focus();
    }
    if (page.run.suggestions && /^[1-9]$/.test(key)) {
      const column = Number(key) - 1;
      if (column < page.run.classes.length) choose(page, column, !page.chosen.has(column));
      return event.preventDefault();
    }
    const run = known.get(key);
    if (!run) return;
    event.preventDefault();
    run(page, key);
  });
}

const shown = (key) =>
  key
    .replace("ArrowLeft", "←")
    .replace("ArrowRight", "→")
    .replace("ArrowUp", "↑")
    .replace("ArrowDown", "↓")
    .replace("-", "−");

/** The name of a key press as the table has it. Shift is named for letters and arrows, not for signs. */
function pressed(event) {
  const name = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const named = event.shiftKey && (/^[A-Z]$/.test(name) || name.startsWith("Arrow"));
  return `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${named ? "Shift+" : ""}${name}`;
}

/** After a click keys act on the page again, not on the button or list that was clicked on. */
function giveBackFocus() {
  let clicked = null; // a list that the mouse opened
  document.addEventListener("pointerdown", (event) => (clicked = event.target.closest("select")));
  document.addEventListener("keydown", () => (clicked = null), true);
  const back = (target) => {
    if (!target.closest("dialog")) byId("raster-box").focus({ preventScroll: true });
  };
  document.addEventListener("change", (event) => event.target === clicked && back(event.target));
  document.addEventListener("click", (event) => {
    const byMouse = event.detail > 0 && event.target.closest("button, label, input[type=checkbox]");
    if (byMouse && !event.target.closest("label")?.querySelector("select, input:not([type=checkbox])")) back(event.target);
  });
}

/** Whether a key belongs to the control that has the focus. */
function isTyping(target, key) {
  if (target.matches("select")) return /^(Arrow|Home|End|Page| )/.test(key); // letters are the page's
  if (target.matches("input[type=number], input[type=file], textarea")) return key !== "Escape";
  if (target.matches("input[type=range]")) return /^(Arrow|Home|End|Page)/.test(key);
  if (target.matches("input[type=radio]")) return /^(Arrow| )/.test(key);
  if (target.matches("input[type=checkbox]")) return key === " ";
  return target.matches("button, a") && (key === " " || key === "Enter");
}
