"""From model to human to model on two courting flies: annotate, correct an interval on the page, train again, annotate.

    python docs/benchmarks/correction_loop.py FLIES [--seeds 0 1 2]
    python docs/benchmarks/correction_loop.py --quick      drawn dots in place of flies

FLIES holds `courtship.mp4` and `courtship_aggregated_events.csv` (talmolab/sleap, Clear BSD; see the text this writes).
A network is trained on the first 30 s, validated on the 10 s behind, and annotates all 120 s. In a real Chromium the
report is opened, and the interval from 40 to 80 s is corrected there bout by bout, to what the events say: that is the
human of this experiment. The table that the page downloads joins the first labels, and the network is trained again.
Nothing after 80 s is ever trained on. As there is more to train on after the corrections, a third network is trained on
the first labels alone for as many steps.
"""

import csv
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sections import Benchmark, new_parser

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "report"))
from chromium import launch

from amclip.data.formats import Reading, boris_events
from amclip.data.intervals import Bout, Timeline, Windows, clips_of
from amclip.data.table import LabelTable, build_table, write_table
from amclip.data.video import Video
from amclip.data.writer import VideoWriter

SEEDS = (0, 1, 2)
WINDOW, TRAIN_HOP, HOP, SHARE = 0.6, 0.4, 0.2, 0.5
LABELLED, CORRECTED, UNSEEN = (0.0, 40.0), (40.0, 80.0), (80.0, 120.0)
TRAINED = 30.0  # windows of the first interval that end later are its validation
EPOCHS = 10
NETWORKS = ("before", "before, as many steps", "after")
SIDE = 256  # pixels that the video's frames are shrunk to beforehand, so that reading does not take the most time
SETTINGS = [
    *("--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"),
    # As in fly_courtship.py, where they were chosen; every second window, so that a training takes minutes.
    *(
        "--data.source.synthetic_clips=0",
        "--input.frame_size=[144,144]",
        "--input.image_size=128",
        "--data.num_workers=0",
    ),
    *("--input.flow.gap=4/25", "--input.flow.bound=1.5", "--input.num_segments=1", "--input.positions_per_segment=4"),
    "--data.num_workers=0",
    *("--data.sampler=class-aware", "--data.augmentation.crop_scale=[0.85,1.0]", "--pictures.every_n_epochs=100"),
]


def shrink(video: Path, target: Path) -> None:
    with Video(video, size=(SIDE, SIDE)) as reader, VideoWriter(target, reader.fps, (SIDE, SIDE), crf=16) as writer:
        for at in range(0, reader.num_frames, 100):
            for frame in reader.read_array(range(at, min(at + 100, reader.num_frames))):
                writer.write(frame)


def truth(flies: Path) -> tuple[Timeline, list[str]]:
    events = (flies / "courtship_aggregated_events.csv").read_text()
    (timeline,) = boris_events.read(events, "events", Reading()).timelines
    return timeline, sorted({bout.label for bout in timeline.bouts})


def table_of(timeline: Timeline, interval: tuple[float, float], hop: float, classes: list[str]) -> LabelTable:
    """Windows that lie within an interval, with their true labels."""
    clips = clips_of([timeline], Windows(WINDOW, hop, SHARE), "events")
    inside = [clip for clip in clips if interval[0] <= (clip.start or 0) and (clip.stop or 0) <= interval[1]]
    inside = [replace(clip, split="train" if (clip.stop or 0) <= TRAINED else "val") for clip in inside]
    return build_table(inside, "events", classes)


def train_and_annotate(
    run: Benchmark, table: Path, videos: Path, work: Path, seed: int, classes: list[str], epochs: int
) -> Path:
    """Train on a table, annotate the whole video, and return the folder."""
    run.amclip(
        *("fit", "--config", Path(__file__).parents[2] / "configs/demo.yaml", *SETTINGS),
        *(
            f"--data.source.root={videos}",
            f"--data.source.labels={table}",
            f"--data.source.classes=[{','.join(map(repr, classes))}]",
        ),
        *(
            f"--trainer.logger.save_dir={work}",
            f"--trainer.max_epochs={epochs}",
            f"--seed_everything={seed}",
            f"--data.seed={seed}",
        ),
    )
    (checkpoint,) = (work / "version_0/checkpoints").glob("best.ckpt")
    output = work / "annotated"
    run.amclip(
        *("annotate", videos / "courtship.mp4", "--checkpoint", checkpoint, "--output", output),
        *("--window", WINDOW, "--hop", HOP, "--accelerator", "cpu"),
    )
    return output


def correct(run: Benchmark, folder: Path, bouts: list[Bout], work: Path) -> tuple[Path, int]:
    """Correct an interval on the report's page, as a person would, and download the table; and the number of steps."""
    from playwright.sync_api import sync_playwright

    run.amclip("report", folder)
    with sync_playwright() as driver:
        browser = launch(driver)
        tab = browser.new_page(accept_downloads=True)
        tab.goto((folder / "report.html").absolute().as_uri())
        steps = tab.evaluate(
            """([bouts, from, to]) => {
              const { corrections, run } = page;
              run.classes.forEach((name, column) => {
                const mine = bouts.filter((bout) => bout.label === name);
                const wrong = corrections.bouts(0, column).filter((b) => b.stop > from && b.start < to);
                for (const { start, stop } of wrong)
                  corrections.remove(0, column, { start: Math.max(start, from), stop: Math.min(stop, to) });
                for (const { start, stop } of mine) corrections.add(0, column, start, stop);
              });
              page.marks = { from, to };
              act(page, "checked");
              return corrections.done.length;
            }""",
            [[vars(bout) for bout in bouts], *CORRECTED],
        )
        tab.keyboard.press("d")
        tab.check("[name=part][value=checked]")
        for name, value in (("length", WINDOW), ("hop", TRAIN_HOP), ("share", 100 * SHARE)):
            tab.fill(f"#window-{name}", str(value))
        tab.select_option("#split", "train")
        with tab.expect_download() as waiting:
            tab.click("#download-labels")
        waiting.value.save_as(work / "corrections.csv")
        browser.close()
    return work / "corrections.csv", steps


def join(first: Path, second: Path, target: Path) -> Path:
    lines = [list(csv.reader(path.open(newline=""))) for path in (first, second)]
    assert lines[0][0] == lines[1][0] == ["filepath", "start", "stop", "label", "split"]
    with target.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([*lines[0], *lines[1][1:]])
    return target


def train_rows(table: Path) -> int:
    with table.open(newline="") as file:
        return sum(row["split"] == "train" for row in csv.DictReader(file))


def score(folder: Path, timeline: Timeline, classes: list[str], interval: tuple[float, float]) -> dict[str, float]:
    """Macro mAP by scikit-learn over windows within an interval, and the mean distance of probability and truth."""
    from sklearn.metrics import average_precision_score

    table = table_of(timeline, interval, HOP, classes)
    wanted = {round(clip.start or 0.0, 3): clip for clip in table.clips}
    rows = pq.read_table(folder / "windows.parquet").to_pylist()
    found = [(row, wanted[round(row["start"], 3)]) for row in rows if round(row["start"], 3) in wanted]
    assert len(found) == len(wanted)
    labels = np.array([[name in (clip.labels or ()) for name in classes] for _, clip in found])
    values = np.array([[row[name] for name in classes] for row, _ in found])
    shown = labels.any(axis=0) & ~labels.all(axis=0)
    precision = [average_precision_score(labels[:, c], values[:, c]) for c in np.flatnonzero(shown)]
    return {"map": 100 * float(np.mean(precision)), "distance": float(np.abs(labels - values).mean())}


def has_chromium() -> bool:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        if (browser := launch(driver)) is not None:
            browser.close()
        return browser is not None


def once(run: Benchmark, flies: Path, seed: int) -> tuple[int, dict[tuple[str, str], dict[str, float]]]:
    """Train, correct and train again with a seed: steps of correction, and what each network reaches where."""
    timeline, classes = truth(flies)
    found = {}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        shrink(flies / "courtship.mp4", work / "courtship.mp4")
        first = write_table(table_of(timeline, LABELLED, TRAIN_HOP, classes), work / "first.csv")
        before = train_and_annotate(run, first, work, work / "before", seed, classes, EPOCHS)
        truths = [bout for bout in timeline.bouts if bout.stop > CORRECTED[0] and bout.start < CORRECTED[1]]
        cut = [Bout(max(b.start, CORRECTED[0]), min(b.stop, CORRECTED[1]), b.label) for b in truths]
        corrections, steps = correct(run, before, cut, work)
        both = join(first, corrections, work / "both.csv")
        after = train_and_annotate(run, both, work, work / "after", seed, classes, EPOCHS)
        epochs = round(EPOCHS * train_rows(both) / train_rows(first))
        # A quick run trains twice: a third time is the same calls.
        longer = before if run.quick else train_and_annotate(run, first, work, work / "longer", seed, classes, epochs)
        for interval, words in ((CORRECTED, "corrected"), (UNSEEN, "never trained on")):
            where = f"{interval[0]:g} to {interval[1]:g} s, {words}"
            for when, folder in zip(NETWORKS, (before, longer, after), strict=True):
                found[where, when] = score(folder, timeline, classes, interval)
    return steps, found


def main() -> None:
    global LABELLED, CORRECTED, UNSEEN, TRAINED, EPOCHS, SIDE
    parser = new_parser(__doc__)
    parser.add_argument("flies", type=Path, nargs="?")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    run = Benchmark(parser, __file__, needs=["flies"])
    options = run.options
    if run.quick:
        import drawn_flies

        LABELLED, CORRECTED, UNSEEN, TRAINED, EPOCHS, SIDE = (0.0, 8.0), (8.0, 16.0), (16.0, 24.0), 6.0, 1, 96
        options.flies, options.seeds = drawn_flies.draw_flies(run.work), [0]
        if not has_chromium():
            run.skip("All", "there is no Chromium, in which the page is corrected")
            return
    lines: list[str] = []
    changes = []
    results: dict[tuple[str, str], list[dict[str, float]]] = {}
    for seed in options.seeds:
        with run.section(f"Seed {seed}") as said:
            steps, found = once(run, options.flies, seed)
            changes.append(steps)
            for key, values in found.items():
                results.setdefault(key, []).append(values)
                said.append(f"{', '.join(key)}: {values}")
    with run.section("The page"):
        for where in dict.fromkeys(key[0] for key in results):
            for measure, unit, digits in (("map", "macro mAP (%)", 1), ("distance", "mean distance to the truth", 3)):
                cells = [
                    " / ".join(f"{one[measure]:.{digits}f}" for one in results[where, when])
                    + f" (mean {np.mean([one[measure] for one in results[where, when]]):.{digits}f})"
                    for when in NETWORKS
                ]
                lines.append(f"| {where} | {unit} | {' | '.join(cells)} |")
        seeds, steps_told = ", ".join(map(str, options.seeds)), "/".join(map(str, changes))
        run.write(TEXT.format(table="\n".join(lines), seeds=seeds, epochs=EPOCHS, steps=steps_told))
    run.close()


TEXT = """# The loop: annotate, correct, train again

Written by `docs/benchmarks/correction_loop.py`. Two courting fruit flies, 120 s, six behaviours that follow from
tracked body points (talmolab/sleap, `docs/notebooks/analysis_example`, Clear BSD). The demo's tiny network at 128 × 128
pixels, {epochs} epochs, is trained on windows of the first 30 s (validated on the 10 s behind) and annotates the whole
video. On the report's page, in Chromium, the bouts from 40 to 80 s are corrected to the tracked ones ({steps} steps, a
number per seed), the interval is marked as checked, and its label table is downloaded. The network is trained anew on
both tables, and annotates again.

Windows of 0.6 s every 0.2 s; seeds {seeds}, one figure each. Distance is the mean of |probability − label|.

| interval | | before | before, trained for as many steps as after | after |
|---|---|---|---|---|
{table}

One video of two animals is little: this shows that corrections reach the network and what they change, not how well
amclip labels flies. After the corrections there are about twice as many windows to train on, and steps; the middle
column has the steps without the corrections.
"""

if __name__ == "__main__":
    main()
