// The dialog of downloads: what can be written, and the work of another visit taken up.

const chosenOf = (name) => document.querySelector(`input[name="${name}"]:checked`).value;

/** What can be written, and how much of it there is; what a person chose stays chosen while there is any of it. */
function openDownload(page) {
  countDownload(page);
  byId("window-length").value ||= page.run.window;
  byId("window-hop").value ||= page.run.window;
  const animals = page.run.units.some(({ label }) => label)
    ? " To learn what each animal shows, give the tracks too: --data.source.tracks."
    : "";
  tellDownload(
    `Videos are named as in the run; give their folder as --data.source.root. A behaviour that nobody shows is in no row: ` +
      `name all of them by --data.source.classes to keep the order (${page.run.classes.length}). Without a split, clips of one ` +
      `video are divided by --data.splits.by time.${animals}`,
  );
  byId("download").showModal();
}

function countDownload(page) {
  const { corrections, run } = page;
  const checked = run.units.reduce((sum, _, unit) => sum + covered(corrections.checked(unit), 0, Infinity), 0);
  const answers = run.units.reduce((sum, _, unit) => sum + corrections.asked(unit).length, 0);
  byId("checked-sum").textContent = clock(checked, 1);
  byId("answers-sum").textContent = `${answers} of ${run.suggestions?.length ?? 0}`;
  byId("part-answers").hidden = !run.suggestions;
  const there = { all: true, checked: checked > 0, answers: answers > 0 };
  for (const part of document.querySelectorAll('[name="part"]')) part.disabled = !there[part.value];
  const proposed = run.suggestions && answers ? "answers" : checked ? "checked" : "all";
  if (!page.partChosen || !there[chosenOf("part")]) document.querySelector(`[name="part"][value="${proposed}"]`).checked = true;
  proposeSplit(page);
}

function tellDownload(text) {
  byId("download-note").textContent = text;
}

/**
 * Unless a person chose: by time where all clips are of one video. Answers to suggestions join an earlier table, and
 * either all tables name splits or none does: they get none.
 */
function proposeSplit(page) {
  const part = chosenOf("part");
  const shown = page.run.units.filter((_, unit) => intervalsOf(page.corrections, unit, part).length);
  const written = new Set(shown.map(({ video }) => video));
  if (!page.splitChosen) byId("split").value = written.size === 1 && !page.run.suggestions ? "time" : "";
  for (const field of document.querySelectorAll('[name="form"], #window-length, #window-hop, #window-share'))
    field.disabled = part === "answers"; // which are written as they were asked for
}

function connectDownload(page) {
  for (const part of document.querySelectorAll('[name="part"]'))
    part.addEventListener("change", () => {
      page.partChosen = true;
      proposeSplit(page);
    });
  byId("split").addEventListener("change", () => (page.splitChosen = true));
  const stem = page.run.name;
  const on = (id, write) => byId(id).addEventListener("click", write);
  on("download-labels", () => {
    const how = {
      part: chosenOf("part"),
      form: chosenOf("form"),
      length: byId("window-length").valueAsNumber,
      hop: byId("window-hop").valueAsNumber,
      share: byId("window-share").valueAsNumber / 100,
      split: byId("split").value,
    };
    const valid = how.length > 0 && how.hop > 0 && how.share > 0 && how.share <= 1;
    if (how.part !== "answers" && how.form === "windows" && !valid)
      return tellDownload("Windows need a length and a distance above 0 s, and a share up to 100 %.");
    download(`${stem}_labels.csv`, labelTable(page.corrections, how));
  });
  on("download-project", () => download(`${stem}.boris`, borisProject(page), "application/json"));
  on("download-aggregated", () => download(`${stem}_aggregated_events.csv`, borisAggregated(page)));
  on("download-tabular", () => download(`${stem}_tabular_events.csv`, borisTabular(page)));
  on("download-figure", () => download(`${stem}_ethogram.svg`, ethogramFigure(page), "image/svg+xml"));
  on("download-work", () => download(`${stem}_corrections.json`, asFile(page.corrections), "application/json"));
  on("take-work", () => byId("work").click());
  byId("work").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    event.target.value = ""; // the same file can be chosen again
    if (!file) return;
    try {
      const count = takeFile(page.corrections, await file.text());
      countDownload(page);
      tellDownload(`Work on ${count} of ${page.run.videos.length} videos was taken up. Undo takes it back.`);
    } catch (error) {
      tellDownload(`${file.name}: ${error.message}.`);
    }
  });
  on("discard", () => {
    if (confirm("Discard every correction, threshold and mark of this report? Undo brings them back until you close the page."))
      page.corrections.discard();
    countDownload(page);
  });
}
