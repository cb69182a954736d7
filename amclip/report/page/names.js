// The names beside the rows: behaviours, below those of the animals where these are told apart.

/** The id of a row's name: of its place among all rows of the video, whether they are shown or not. */
const rowId = ({ run }, unit, column) => `class-${run.units[unit].place * run.classes.length + column}`;

const countOf = (number) => `${number} bout${number === 1 ? "" : "s"}`;

/** The names beside the rows, those of an animal's behaviours below its own; and the lists to choose from. */
function fillClasses(page) {
  const colours = palette();
  const named = (name, colour) => {
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = colour;
    const parts = [swatch, element("span", { className: "name", textContent: name }), element("span", { className: "count" })];
    return parts;
  };
  const behaviours = (unit) =>
    page.run.classes.map((name, column) => {
      const row = element("div", { id: rowId(page, unit, column), title: name, role: "option" }, ...named(name, colourOf(column, colours)));
      row.classList.toggle("stripe", column % 2 === 1);
      row.addEventListener("click", () => page.selectRow(unit, column));
      return row;
    });
  const units = page.unitsOf(page.video);
  const groups = units.map((unit) => {
    const { label, place } = page.run.units[unit];
    const folded = page.folded.has(unit);
    // For the mouse; who listens is told the name of the group, and folds by a key.
    const title = `${label}: click to ${folded ? "show" : "hide"} its rows`;
    const fold = element("span", { className: "fold", textContent: folded ? "▸" : "▾" });
    const head = element("div", { className: "animal", title, "aria-hidden": true }, fold, ...named(label, animalColour(place)));
    head.addEventListener("click", () => page.fold(unit));
    const group = element("div", { id: `animal-${place}`, role: "group", "aria-label": label }, head);
    group.append(...(folded ? [] : behaviours(unit)));
    return group;
  });
  const apart = page.run.units[units[0]].label;
  byId("classes").replaceChildren(...(apart ? groups : behaviours(units[0])));
  byId("bout-behaviour").replaceChildren(
    ...page.run.classes.map((name, column) => element("option", { value: column, textContent: name })),
  );
  byId("bout-animal").replaceChildren(...optionsFor(page, units));
  for (const item of document.querySelectorAll(".of-animals")) item.hidden = !apart;
}

const optionsFor = (page, units) =>
  units.map((unit) => element("option", { value: unit, textContent: page.run.units[unit].label }));

function updateClasses(page) {
  byId("classes").setAttribute("aria-activedescendant", rowId(page, page.unit, page.column));
  const counts = new Map();
  for (const { unit, column } of page.rows) {
    if (column === null) continue;
    const row = byId(rowId(page, unit, column));
    const count = page.corrections.bouts(unit, column).length;
    row.setAttribute("aria-selected", unit === page.unit && column === page.column);
    row.lastChild.textContent = count;
    row.setAttribute("aria-label", `${page.run.classes[column]}, ${countOf(count)}`);
    counts.set(unit, (counts.get(unit) ?? 0) + count);
  }
}

/** The animals that the selected one can be exchanged with; what a person chose stays chosen. */
function updateExchange(page) {
  const list = byId("exchange-with");
  const others = page.unitsOf(page.video).filter((unit) => unit !== page.unit);
  const { value } = list;
  if (list.dataset.of !== `${others}`) list.replaceChildren(...optionsFor(page, others));
  list.dataset.of = others;
  if (others.includes(Number(value))) list.value = value;
  byId("exchange").disabled = list.disabled = !others.length;
}
