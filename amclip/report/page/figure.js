// The ethogram as it stands, as a figure for a paper: SVG, with text as text.

const FIGURE = { width: 900, row: 18, axis: 30, least: 0.5 }; // pixels

/** A colour as SVG of any age understands it. */
function figureColour(column) {
  const hue = (column * 137.5 + 255) % 360;
  const part = (n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (0.46 - 0.24 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return `#${[0, 8, 4].map((n) => part(n).toString(16).padStart(2, "0")).join("")}`;
}

/** Bouts of the selected video in the time that is in sight. */
function ethogramFigure(page) {
  const { view, run, corrections, video } = page;
  // A behaviour per row; the name of an animal has one of its own above them.
  const shown = page.unitsOf(video).flatMap((unit) => [
    ...(run.units[unit].label ? [{ unit, name: run.units[unit].label, column: null }] : []),
    ...run.classes.map((name, column) => ({ unit, name, column })),
  ]);
  const text = (string) =>
    string.replace(/[\u0000-\u001f\u007f\ud800-\udfff\ufffe\uffff]/gu, " ").replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = "11px sans-serif";
  // Another program's letters may be wider.
  const left = Math.ceil(16 + 1.15 * Math.max(...shown.map(({ name }) => pen.measureText(name).width)));
  const bottom = 22 + FIGURE.row * shown.length;
  const x = (time) => (left + view.x(time, FIGURE.width)).toFixed(2);
  const rows = shown.map(({ unit, name, column }, place) => {
    const y = 22 + FIGURE.row * place;
    const middle = y + FIGURE.row / 2 + 4;
    if (column === null) return `<text x="${left - 8}" y="${middle}" text-anchor="end" font-weight="bold">${text(name)}</text>`;
    const bars = corrections
      .bouts(unit, column)
      .filter(({ start, stop }) => stop > view.from && start < view.to)
      .map(({ start, stop }) => {
        const [from, to] = [x(Math.max(start, view.from)), x(Math.min(stop, view.to))];
        return `<rect x="${from}" y="${y + 3}" width="${Math.max(FIGURE.least, to - from).toFixed(2)}" height="${FIGURE.row - 6}"/>`;
      });
    return (
      `<text x="${left - 8}" y="${middle}" text-anchor="end">${text(name)}</text>\n` +
      `<g fill="${figureColour(column)}">${bars.join("")}</g>`
    );
  });
  const { times, digits } = ticks(view, FIGURE.width);
  const axis = times.map(
    (time) =>
      `<path d="M${x(time)} ${bottom}v5" stroke="#444"/>` +
      `<text x="${x(time)}" y="${bottom + 18}" text-anchor="middle">${clock(time, digits)}</text>`,
  );
  const [width, height] = [Math.ceil(left + FIGURE.width + 30), bottom + FIGURE.axis];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    ` font-family="sans-serif" font-size="11" fill="#111">`,
    `<title>${text(run.videos[video].video)}, ${clock(view.from)} to ${clock(view.to)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${left}" y="13">${text(run.videos[video].video)}</text>`,
    ...rows,
    `<path d="M${left} ${bottom}h${FIGURE.width}" stroke="#444"/>`,
    ...axis,
    "</svg>\n",
  ].join("\n");
}
