// The panels beside the raster: the selected bout, thresholds, and what to do about a video that does not play.

const SLIDERS = ["threshold", "off_threshold", "minimum_bout", "minimum_gap"];

const percent = (p) => `${(100 * p).toFixed(0)} %`;

function describeBout(page, bout) {
  const { mean, peak } = page.scores.summary(page.column, bout.start, bout.stop);
  const whose = bout.human ? "yours" : "the model's";
  const length = (bout.stop - bout.start).toFixed(2);
  return (
    `${page.rowName}, ${clock(bout.start)} to ${clock(bout.stop)} (${length} s), ${whose}; ` +
    `probability ${percent(mean)} on average, ${percent(peak)} at its highest`
  );
}

/** The list of videos says how much of each was checked. */
function updateVideos(page) {
  for (const [index, option] of [...byId("videos").options].entries()) {
    const { video, duration } = page.run.videos[index];
    const units = page.unitsOf(index);
    const checked = units.reduce((sum, unit) => sum + covered(page.corrections.checked(unit), 0, duration), 0);
    const share = checked / (duration * units.length);
    const text = share > 0 ? `${video} (${Math.max(1, Math.floor(100 * share))} % checked)` : video;
    if (option.textContent !== text) option.textContent = text;
  }
}

function connectPanels(page) {
  const on = (id, act) => byId(id).addEventListener("click", () => act());
  const { corrections } = page;
  byId("videos").addEventListener("change", (event) => page.showVideo(Number(event.target.value)));
  on("undo", () => corrections.undo());
  on("redo", () => corrections.redo());
  on("play", () => page.player.toggle());
  on("back", () => page.player.step(-1));
  on("forward", () => page.player.step(1));
  on("video", () => page.player.toggle());
  byId("speed").addEventListener("change", (event) => page.player.setSpeed(Number(event.target.value)));
  byId("flow-on").addEventListener("change", (event) => page.player.showFlow(event.target.checked));
  byId("flow-opacity").addEventListener("input", (event) => (byId("flow").style.opacity = event.target.value));
  byId("flow").style.opacity = byId("flow-opacity").value;
  byId("curves").addEventListener("change", () => page.changed());
  byId("boxes-on").addEventListener("change", () => page.frameChanged(page.frame));
  on("zoom-in", () => page.view.zoom(1 / 2, page.player.time));
  on("zoom-out", () => page.view.zoom(2, page.player.time));
  on("zoom-all", () => page.view.show(0, page.view.duration));
  on("zoom-bout", () => act(page, "zoomToBout"));
  on("bout-before", () => page.jump(-1));
  on("bout-next", () => page.jump(1));
  on("bout-play", () => act(page, "playBout"));
  on("bout-set-start", () => act(page, "startHere"));
  on("bout-set-stop", () => act(page, "stopHere"));
  on("bout-accept", () => act(page, "accept"));
  on("bout-delete", () => act(page, "remove"));
  on("mark-in", () => act(page, "markIn"));
  on("mark-out", () => act(page, "markOut"));
  on("mark-add", () => act(page, "add"));
  on("mark-checked", () => act(page, "checked"));
  on("mark-all-checked", () => act(page, "allChecked"));
  on("exchange", () => act(page, "exchange"));
  connectRelabelling(page);
  for (const id of ["bout-start", "bout-stop"]) onNumber(page, byId(id), () => moveByNumbers(page));
  for (const name of SLIDERS) connectSlider(page, name);
  on("reset", () => corrections.resetSettings([page.column]));
  on("reset-all", () => corrections.resetSettings(page.run.classes.keys()));
  on("open-help", () => byId("help").showModal());
  on("open-download", () => openDownload(page));
  on("open-files", () => byId("files").click());
  byId("files").addEventListener("change", (event) => chooseFiles(page, [...event.target.files]));
  connectDownload(page);
  if (page.run.suggestions) connectSuggestions(page);
}

/** A slider and its number change one setting; one drag is one step back. */
function connectSlider(page, name) {
  const [slider, number] = [byId(name), byId(`${name}-number`)];
  let dragging = false;
  // A drag that ends where it began is told of by no change.
  for (const begins of ["pointerdown", "keydown", "blur"]) slider.addEventListener(begins, () => (dragging = false));
  slider.addEventListener("input", () => {
    page.corrections.set(page.column, { [name]: Number(slider.value) }, !dragging);
    dragging = true;
  });
  slider.addEventListener("change", () => {
    dragging = false;
    page.say(`${countOf(page.corrections.bouts(page.unit, page.column).length)} of ${page.rowName}`);
  });
  onNumber(page, number, () => {
    const value = number.valueAsNumber;
    const seconds = name.startsWith("minimum");
    if (value >= 0 && (seconds || value <= 1)) page.corrections.set(page.column, { [name]: value }, true);
    else page.say(seconds ? "expected seconds, 0 or more" : "expected a probability from 0 to 1");
  });
}

/** What a person types into a number field is left alone until it is done; then the field shows what holds. */
function onNumber(page, field, act) {
  field.addEventListener("input", () => (field.dataset.typing = ""));
  field.addEventListener("change", () => {
    delete field.dataset.typing;
    act();
    page.changed();
  });
  field.addEventListener("blur", () => {
    delete field.dataset.typing;
    page.changed();
  });
}

function moveByNumbers(page) {
  const { bout, scores } = page;
  const [start, stop] = ["bout-start", "bout-stop"].map((id) => byId(id).valueAsNumber);
  if (!bout) return;
  if (!(start >= 0 && stop <= page.view.duration + 0.01 && stop > start))
    return page.say("a bout must start before it stops, within the video");
  moveBout(page, bout, scores.snapped(start), scores.snapped(stop));
}

/** Move the edges of a bout of the selected behaviour, at least a frame apart. */
function moveBout(page, bout, start, stop) {
  const { scores } = page;
  if (scores.frameAt(stop) - scores.frameAt(start) < 0.5) return page.say("a bout lasts at least one frame");
  if (Math.abs(start - bout.start) < SAME_TIME && Math.abs(stop - bout.stop) < SAME_TIME) return page.changed();
  page.corrections.move(page.unit, page.column, bout, start, stop);
  page.selected = { start, stop };
  page.selected = page.bout;
  warnOfAbsence(page, start, stop);
  page.changed();
}

/**
 * The lists of behaviours and of animals relabel the selected bout, and give it to another animal. Keys run through a closed
 * list and change it at every step: each step begins from the bout as it was when the list was entered, so that what lies
 * between leaves no trace.
 */
function connectRelabelling(page) {
  const connect = (list, change) => {
    let entered = null;
    const enter = () => {
      const { bout, column, unit } = page;
      entered = bout && { bout, column, unit, state: page.corrections.state, changed: false };
    };
    list.addEventListener("focus", enter);
    list.addEventListener("change", () => {
      if (!entered) enter();
      if (!entered) return;
      const { bout, column, unit, state, changed } = entered;
      entered.changed = true;
      change(state, unit, column, bout, Number(list.value), !changed);
      page.selected = { start: bout.start, stop: bout.stop };
      page.selected = page.bout;
      warnOfAbsence(page, bout.start, bout.stop);
      page.changed();
    });
    list.addEventListener("blur", () => (entered = null));
    page.store.addEventListener("change", () => (entered = null)); // another tab has changed the state it began from
  };
  connect(byId("bout-behaviour"), (state, unit, column, bout, other, undoable) => {
    page.corrections.relabel(state, unit, column, bout, other, undoable);
    page.selectRow(unit, other);
  });
  connect(byId("bout-animal"), (state, unit, column, bout, other, undoable) => {
    page.corrections.give(state, unit, column, bout, other, undoable);
    page.selectRow(other, column);
  });
}

function updatePanels(page) {
  const { bout, corrections } = page;
  const name = page.run.classes[page.column];
  const { label } = page.run.units[page.unit];
  byId("bout-text").textContent = bout
    ? describeBout(page, bout)
    : `No bout of ${page.rowName} is selected: click on one, or press N for the next.`;
  for (const id of ["bout-play", "bout-set-start", "bout-set-stop", "bout-accept", "bout-delete", "zoom-bout"])
    byId(id).disabled = !bout;
  for (const field of byId("bout-fields").querySelectorAll("input, select")) {
    field.disabled = !bout;
    if (!("typing" in field.dataset)) field.value = "";
  }
  byId("bout-behaviour").value = page.column;
  byId("bout-animal").value = page.unit;
  if (label) updateExchange(page);
  if (bout) {
    const frame = 1 / page.run.videos[page.video].fps;
    for (const [id, value] of [
      ["bout-start", bout.start],
      ["bout-stop", bout.stop],
    ]) {
      const field = byId(id);
      field.step = frame.toFixed(6);
      if (!("typing" in field.dataset)) field.value = Number(value.toFixed(4));
    }
  }
  byId("undo").disabled = !corrections.done.length;
  byId("redo").disabled = !corrections.undone.length;
  const settings = corrections.settings(page.column);
  byId("settings-title").textContent = `Thresholds of ${name}${label && ", for every animal"}`;
  for (const key of SLIDERS) {
    if (key.startsWith("minimum")) byId(key).max = Math.max(10, settings[key]);
    byId(key).value = settings[key];
    const number = byId(`${key}-number`);
    if (!("typing" in number.dataset)) number.value = Number(settings[key].toFixed(4));
  }
  byId("smoothing").textContent = settings.smoothing
    ? `The curve was smoothed over ${settings.smoothing} s by the run.`
    : "";
  byId("curve-title").textContent = `Probability of ${page.rowName}`;
  const count = corrections.bouts(page.unit, page.column).length;
  byId("curve").setAttribute(
    "aria-label",
    `Probability of ${page.rowName} over time; ${count} bouts at threshold ${settings.threshold.toFixed(2)}`,
  );
  byId("warning").hidden = corrections.kept.works;
  if (!corrections.kept.works)
    byId("warning").textContent = page.store.database
      ? "This browser does not let the page keep everything: download your corrections before you close it."
      : "This browser keeps nothing, nor gives back what it kept before: open the page again, or download your corrections " +
        "before you close it.";
  updateVideos(page);
  if (page.run.suggestions) updateSuggestion(page);
}

// Videos that do not play

function showProblem(page, problem) {
  const box = byId("problem");
  box.hidden = !problem;
  byId("video").hidden = problem === "missing";
  if (!problem) return;
  if (problem !== "missing") return box.replaceChildren(element("p", { textContent: problem }));
  const { video, path } = page.run.videos[page.video];
  const find = element("button", { type: "button", textContent: "Find the video…", className: "primary" });
  find.addEventListener("click", () => byId("files").click());
  box.replaceChildren(
    element("p", {}, element("strong", { textContent: `${video} cannot be played.` })),
    element("p", { textContent: `It was at ${path} when the report was made. If it was moved, find it:` }),
    element("p", {}, find),
    element(
      "p",
      { textContent: "Browsers play MP4 and WebM with H.264, VP9 or AV1. Of any other video this makes a copy they play: " },
      element("code", { textContent: page.run.copy_command }),
    ),
    element("p", { textContent: "Scores and bouts can be looked at and corrected without it." }),
  );
}

/**
 * Take files for the videos of the same name; a single file is for the video on the page. Where several videos of the run
 * have one name, a file is for the one on the page alone.
 */
function chooseFiles(page, files) {
  const named = (video) => video.split(/[/\\]/).at(-1);
  const mine = (video) => files.find((file) => named(video) === file.name);
  const file = mine(page.run.videos[page.video].video) ?? (files.length === 1 ? files[0] : undefined);
  page.run.videos.forEach((about, index) => {
    const alone = page.run.videos.every((other) => other === about || named(other.video) !== named(about.video));
    const found = index === page.video ? file : alone && mine(about.video);
    if (found) about.addresses = [{ address: URL.createObjectURL(found), byFrames: false }];
  });
  if (file) page.player.choose(file);
}
