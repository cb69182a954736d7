"""Three drawn animals at once: who does what, by crops of each animal and by whole frames.

    python docs/benchmarks/per_animal_drawn.py [--work FOLDER] [--seeds 3] [--quick]

Draws videos of three animals that cross each other (`amclip synth --animals 3`), trains on windows of one second of
each animal, and measures on videos that nothing was trained or tuned on: average precision of windows, and bouts by
`amclip annotate --tracks` and `amclip evaluate`, cut by the checkpoint's thresholds and by settings that `amclip tune`
chose on the validation videos. Beside it the same network on whole frames, trained on what the scene
shows; its scores are taken for each of the animals. `--quick` goes the whole way with next to no training and writes no
figures. Writes `per_animal_drawn.md` beside this file.
"""

import csv
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sections import Benchmark, drawn_clips, new_parser

from amclip.data.intervals import Bout, Timeline, Windows, clips_of, complement
from amclip.data.synthetic import BEHAVIOURS, seen_spans, split_of
from amclip.data.table import build_table, write_table
from amclip.data.tracks import read_tracks

CONFIG = Path(__file__).parents[2] / "configs/demo.yaml"
VIDEOS, SECONDS, ANIMALS, FPS = 90, 20.0, 3, 15.0
WINDOW, HOP = 1.0, 0.25  # of annotation; windows of training follow each other without overlap
EPOCHS, POSITIONS, SIZE = 12, 8, 64
VALIDATED = 3  # epochs between looks at the validation videos, which cost as much as a third of an epoch
MARGIN = 0.3  # body lengths; the tail, which is not part of the body length, must be within
BOUND = 1.2  # body lengths a second; a runner makes about one
CELLS = 3  # the tail is in others than the head
MINIMUM_BOUT = 0.5  # seconds; the animals' bouts last one at least
NOTES = """\
## What the figures say

- Twice the video, and with it twice the steps, was worth more than all else that was tried: with 45 videos, else as
  here, it was 0.873, and 0.750 and 0.810 for the bouts. With one sequence of frames and flow, 4 positions and 6 epochs
  (45 videos, seed 0) it was 0.817 and 0.665.
- What is left is in what is slow, or alike, within a window of a second: flicking and swaying of the tail, and walking.
- Running has short bouts: an animal that runs out of the picture shows some tenths of a second of it.
- Thresholds that are best for windows cost 0.04 of the bouts' F1; `amclip tune`, which chose the others on the
  validation videos, also takes smoothing and least lengths from them.
"""
CROPS, SCENE = "crops of each animal", "whole frames"
WINDOWS, TUNED = "the checkpoint's thresholds", "settings chosen on validation"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def timelines_of(data: Path, seconds: float) -> list[Timeline]:
    """What each animal of each video does, and when it is out of the picture."""
    tracks = read_tracks(str(data / "tracks.csv"))
    events: dict[str, list[Bout]] = {}
    for row in rows_of(data / "events.csv"):
        bout = Bout(float(row["start"]), float(row["stop"]), row["behaviour"], subject=row["subject"])
        events.setdefault(row["filepath"], []).append(bout)
    lines = []
    for index, video in enumerate(sorted(tracks.videos)):
        away = [
            (track.subject, start, stop)
            for track in tracks.videos[video]
            for start, stop in complement(seen_spans(track, FPS), seconds)
        ]
        line = Timeline(
            video,
            tuple(events.get(video, ())),
            seconds,
            FPS,
            split=split_of(index),
            subjects=tracks.subjects(video),
            unwatched=tuple(away),
        )
        lines.append(line)
    return lines


def write_windows(data: Path, seconds: float) -> None:
    """Tables of windows, of each animal and of the scene, and the split of each video."""
    lines = timelines_of(data, seconds)
    for name, subjects in ((CROPS, "each"), (SCENE, "merged")):
        windows = Windows(WINDOW, WINDOW)
        # The scene is what any animal in the picture shows: an animal that is away shows nothing.
        of = lines if subjects == "each" else [replace(line, subjects=(), unwatched=()) for line in lines]
        clips = clips_of(of, windows, name, subjects)  # type: ignore[arg-type]
        write_table(build_table([replace(clip, line=None) for clip in clips], name, BEHAVIOURS), table_of(data, name))


def table_of(data: Path, method: str) -> Path:
    return data / ("windows_animals.csv" if method == CROPS else "windows_scene.csv")


def train(benchmark: Benchmark, data: Path, run: Path, method: str, seed: int, epochs: int) -> None:
    """Fit the demo's network, unless that is done; a run that was cut off goes on."""
    done = run / "done"
    if done.exists():
        return
    last = run / "version_0/checkpoints/last.ckpt"
    if last.exists():
        benchmark.amclip("fit", f"--ckpt_path={last}")
    else:
        benchmark.amclip("fit", *settings(data, run, method, seed), f"--trainer.max_epochs={epochs}")
    done.touch()


def settings(data: Path, run: Path, method: str, seed: int) -> list[str]:
    words = [
        *(f"--config={CONFIG}", f"--data.source.labels={table_of(data, method)}", f"--data.source.root={data}"),
        *("--data.source.synthetic_clips=0", f"--data.source.classes=[{','.join(BEHAVIOURS)}]"),
        *("--input.num_segments=1", f"--input.positions_per_segment={POSITIONS}", f"--input.image_size={SIZE}"),
        *("--data.num_workers=1", "--pictures.clips=0"),
        *(f"--seed_everything={seed}", f"--data.seed={seed}"),
        *("--trainer.enable_progress_bar=false", f"--trainer.logger.save_dir={run}"),
        f"--trainer.check_val_every_n_epoch={VALIDATED}",
    ]
    if method == CROPS:
        words += [f"--data.source.tracks={data / 'tracks.csv'}", f"--input.crop.margin={MARGIN}"]
        words += ["--input.flow.unit=body lengths", f"--input.flow.bound={BOUND}"]
        words += [f"--input.flow.motion.cells={CELLS}"]
    return words


def scores_of(
    benchmark: Benchmark, data: Path, run: Path, method: str, seed: int
) -> dict[tuple[str, str, str], list[float]]:
    """Probabilities of the windows of the test videos, by video, start and animal."""
    target = run / "scores.csv"
    checkpoint = run / "version_0/checkpoints/best.ckpt"
    if not target.exists():
        benchmark.amclip(
            *("test", *settings(data, run / "test", method, seed), f"--ckpt_path={checkpoint}"),
            f"--predictions.test_path={target}",
        )
    found = {}
    for row in rows_of(target):
        key = (row["filepath"], f"{float(row['start']):.3f}", row.get("subject", ""))
        found[key] = [float(row[name]) for name in BEHAVIOURS]
    return found


def precisions(data: Path, scores: dict[tuple[str, str, str], list[float]]) -> list[float]:
    """Average precision of each behaviour over the test windows of all animals; scores of a scene serve each animal."""
    from sklearn.metrics import average_precision_score

    truth, values = [], []
    for row in rows_of(table_of(data, CROPS)):
        if row["split"] != "test":
            continue
        start = f"{float(row['start']):.3f}"
        found = scores.get((row["filepath"], start, row["subject"])) or scores[row["filepath"], start, ""]
        truth.append([name in row["label"].split(";") for name in BEHAVIOURS])
        values.append(found)
    wanted, said = np.array(truth), np.array(values)
    return [float(average_precision_score(wanted[:, column], said[:, column])) for column in range(len(BEHAVIOURS))]


def bouts(benchmark: Benchmark, data: Path, run: Path) -> dict[str, dict[str, float]]:
    """F1 of bouts at an overlap of 0.5, by behaviour and in the mean, all animals of the test videos together.

    By what cut them: the checkpoint's thresholds, and settings that were chosen on the validation videos.
    """
    chosen, folder = run / "bouts.yaml", run / "annotated"
    annotate(benchmark, data, run, "val", run / "validation")
    benchmark.amclip("tune", run / "validation", data / "events.csv", f"--output={chosen}")
    found = {}
    for how, more in ((WINDOWS, [f"--minimum_bout={MINIMUM_BOUT}"]), (TUNED, [f"--settings={chosen}"])):
        annotate(benchmark, data, run, "test", folder, *more)
        benchmark.amclip("evaluate", folder, data / "events.csv", f"--output={run / 'agreement'}")
        rows = rows_of(run / "agreement/agreement.csv")
        together = rows[-len(BEHAVIOURS) - 1 :]  # all animals come last, and the mean behind the behaviours
        found[how] = {row["behaviour"]: float(row["bout_f1_iou_0.5"] or "nan") for row in together}
    return found


def annotate(benchmark: Benchmark, data: Path, run: Path, split: str, folder: Path, *more: str) -> None:
    """Annotate the videos of a split; what is scored already is cut anew only."""
    videos = [data / f"videos/clip_{index:05d}.mp4" for index in range(VIDEOS) if split_of(index) == split]
    benchmark.amclip(
        *("annotate", *(video for video in videos if video.exists())),
        *(f"--checkpoint={run / 'version_0/checkpoints/best.ckpt'}", f"--output={folder}"),
        *(f"--tracks={data / 'tracks.csv'}", f"--window={WINDOW}", f"--hop={HOP}", *more),
    )


def spread(values: Sequence[float]) -> str:
    """Mean, and least and greatest over seeds."""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def report(
    precision: dict[str, list[list[float]]],
    found: list[dict[str, dict[str, float]]],
    videos: int,
    epochs: int,
) -> str:
    macro = {method: [float(np.mean(values)) for values in mine] for method, mine in precision.items()}
    lines = [
        "# Three drawn animals: who does what",
        "",
        f"Written by `docs/benchmarks/per_animal_drawn.py`. {videos} videos of {SECONDS:g} s with {ANIMALS} animals "
        "that cross each other and sometimes leave the picture (`amclip synth`), 128 × 160 pixels; a fifth of them is "
        f"held out. The demo's tiny network at {SIZE} × {SIZE}, windows of {WINDOW:g} s, {POSITIONS} positions, "
        f"{epochs} epochs; seeds {', '.join(str(seed) for seed in range(len(found)))}: mean, "
        "and of several seeds least and greatest. True boxes.",
        "",
        "| of each animal, on held-out videos | mean over the behaviours |",
        "|---|---|",
        *(f"| {method}: macro mAP of windows | {spread(values)} |" for method, values in macro.items()),
        *(
            f"| {CROPS}: bout F1 at an overlap of 0.5, {how} | {spread([one[how]['(mean)'] for one in found])} |"
            for how in (WINDOWS, TUNED)
        ),
        "",
        "Whole frames are trained on what the scene shows, and their scores are taken for each animal: they may see "
        "what is done and not by whom. Bouts are those of `amclip annotate --tracks`, judged by `amclip evaluate` for "
        "each animal. The checkpoint's thresholds are the best ones for windows of the validation videos, and go with "
        f"`--minimum_bout {MINIMUM_BOUT:g}`; the other settings are what `amclip tune` chose on annotated validation "
        "videos.",
        "",
        "| behaviour | AP, crops | AP, whole frames | bout F1, crops, thresholds | bout F1, crops, settings chosen |",
        "|---|---|---|---|---|",
    ]
    for column, name in enumerate(BEHAVIOURS):
        cells = [float(np.mean([row[column] for row in precision[method]])) for method in (CROPS, SCENE)]
        cells += [float(np.mean([one[how][name] for one in found])) for how in (WINDOWS, TUNED)]
        lines.append(f"| {name} | {' | '.join(f'{cell:.3f}' for cell in cells)} |")
    lines += ["", NOTES]
    return "\n".join(lines)


def main() -> None:
    global SECONDS, WINDOW, HOP, VALIDATED
    parser = new_parser(__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/per_animal_drawn"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    benchmark = Benchmark(parser, __file__)
    work, videos, seeds, epochs = benchmark.work, VIDEOS, benchmark.options.seeds, benchmark.options.epochs
    if benchmark.quick:
        # Four blocks of videos are the fewest that fill every split with every behaviour.
        videos, seeds, epochs, VALIDATED, SECONDS, WINDOW, HOP = 36, 1, 1, 1, 1.4, 0.7, 0.35
        data = work / "data"
        shutil.copytree(drawn_clips(animals=ANIMALS), data)
    else:
        data = work / f"data_{videos}_{SECONDS:g}"
        benchmark.amclip("synth", data, f"--clips={videos}", f"--seconds={SECONDS}", f"--animals={ANIMALS}")
    write_windows(data, SECONDS)
    precision: dict[str, list[list[float]]] = {CROPS: [], SCENE: []}
    found: list[dict[str, dict[str, float]]] = []
    for seed in range(seeds):
        for method in (CROPS, SCENE):
            run = work / f"{'animals' if method == CROPS else 'scene'}_{videos}_{epochs}_{seed}"
            with benchmark.section(f"{method}, seed {seed}") as lines:
                train(benchmark, data, run, method, seed, epochs)
                precision[method].append(precisions(data, scores_of(benchmark, data, run, method, seed)))
                lines.append(f"macro mAP of each animal {np.mean(precision[method][-1]):.3f}")
            if method == CROPS:
                with benchmark.section(f"Bouts, seed {seed}") as lines:
                    found.append(bouts(benchmark, data, run))
                    lines += [f"bout F1 {one['(mean)']:.3f}, {how}" for how, one in found[-1].items()]
        with benchmark.section("The page"):
            benchmark.write(report(precision, found, videos, epochs))
    benchmark.close()


if __name__ == "__main__":
    main()
