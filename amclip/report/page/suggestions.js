// Intervals that `amclip suggest` asks a person to label, one after the other.

function answerTo(page, { unit, start, stop }) {
  return page.corrections.answers(unit).find((answer) => answer[0] === start && answer[1] === stop);
}

const isAnswered = (page, suggestion) => answerTo(page, suggestion) !== undefined;

/** Go to a suggestion and play it. */
function suggest(page, index) {
  const all = page.run.suggestions;
  page.suggestion = (index + all.length) % all.length;
  const { video, unit, start, stop } = all[page.suggestion];
  if (video !== page.video) page.showVideo(video);
  if (unit !== page.unit) page.selectRow(unit, page.column);
  const margin = Math.max(2, stop - start);
  page.view.show(start - margin, stop + margin);
  page.marks = { from: start, to: stop };
  choices(page);
  page.player.playInterval(start, stop, true);
  page.changed();
}

/** What is ticked: the answer, where there is one, or else what the network says. */
function choices(page) {
  const { unit, start, stop } = page.run.suggestions[page.suggestion];
  page.answer = answerTo(page, page.run.suggestions[page.suggestion]);
  const holds = (column) => {
    if (page.answer) return page.answer[2].includes(page.run.classes[column]);
    const bouts = withIntervals(page.corrections.bouts(unit, column));
    return covered(bouts, start, stop) >= 0.5 * (stop - start) - SAME_TIME;
  };
  page.chosen = new Set([...page.run.classes.keys()].filter(holds));
}

function connectSuggestions(page) {
  // An answer that came from elsewhere, or went: another tab, saved work, undo.
  page.corrections.listeners.push(() => {
    if (page.suggestion !== undefined && answerTo(page, page.run.suggestions[page.suggestion]) !== page.answer) choices(page);
  });
  byId("suggestion-panel").hidden = false;
  const boxes = page.run.classes.map((name, column) => {
    const box = element("input", { type: "checkbox", value: column });
    box.addEventListener("change", () => choose(page, column, box.checked));
    const key = column < 9 ? element("kbd", { textContent: column + 1 }) : "";
    return element("label", { title: name }, box, " ", key, name);
  });
  byId("suggestion-classes").append(...boxes);
  const on = (id, act) => byId(id).addEventListener("click", act);
  on("suggestion-back", () => suggest(page, page.suggestion - 1));
  on("suggestion-next", () => suggest(page, page.suggestion + 1));
  on("suggestion-done", () => keepAnswer(page));
  on("suggestion-play", () => playSuggestion(page));
}

function choose(page, column, holds) {
  if (holds) page.chosen.add(column);
  else page.chosen.delete(column);
  page.say(`${page.run.classes[column]} ${holds ? "chosen" : "not chosen"}`);
  page.changed();
}

function playSuggestion(page) {
  const { start, stop } = page.run.suggestions[page.suggestion];
  page.player.playInterval(start, stop, true);
}

function keepAnswer(page) {
  const { unit, start, stop } = page.run.suggestions[page.suggestion];
  page.corrections.answer(unit, [start, stop], page.chosen);
  const open = page.run.suggestions.filter((one) => !isAnswered(page, one)).length;
  if (open === 0) return page.say("every interval is labelled: download the table");
  let next = page.suggestion + 1;
  while (isAnswered(page, page.run.suggestions[next % page.run.suggestions.length])) next++;
  suggest(page, next);
}

function updateSuggestion(page) {
  const all = page.run.suggestions;
  const one = all[page.suggestion ?? 0];
  const open = all.filter((other) => !isAnswered(page, other)).length;
  const { label } = page.run.units[one.unit];
  byId("suggestion-title").textContent = `Interval ${(page.suggestion ?? 0) + 1} of ${all.length}`;
  byId("suggestion-text").textContent =
    `${label && `${label} in `}${page.run.videos[one.video].video}, ${clock(one.start)} to ${clock(one.stop)}` +
    `${isAnswered(page, one) ? ", labelled" : ""}; ${open} still to label. Choose what ${label || "it"} shows; nothing is an answer too.`;
  for (const box of byId("suggestion-classes").querySelectorAll("input"))
    box.checked = page.chosen?.has(Number(box.value)) ?? false;
}
