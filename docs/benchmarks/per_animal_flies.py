"""Two courting flies, each by itself: amclip on crops of each fly, amclip on whole frames, and statistics of flow.

    python docs/benchmarks/per_animal_flies.py --data FOLDER [--work FOLDER] [--validation | --quick]

`--data` holds `courtship.mp4`, SLEAP's `courtship.sleap.h5` (talmolab/sleap, docs/notebooks/analysis_example, Clear
BSD) and the scene's bouts as BORIS writes them, `courtship_aggregated_events.csv`. What each fly does follows from its
own track by the rules that the scene's labels were made by (`fly_tracks.py`). Parts of the video are those of
`fly_courtship.py`; `--validation` stops before the held-out part is looked at, and `--quick` goes the whole way
with drawn dots in place of flies and next to no training. Writes `per_animal_flies.md` beside this file.
"""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import fly_tracks
import numpy as np
import torch
from fly_courtship import ALONE, HELD_OUT, HOP, TRAIN, VALIDATION, WHOLE, WINDOW
from fly_methods import best_settings, shrink, statistics_of
from numpy.typing import NDArray
from sections import Benchmark, new_parser

from amclip.calibration import Calibrator
from amclip.data.crops import Animal, read_crops
from amclip.data.formats import Reading, boris_events
from amclip.data.intervals import Bout, Timeline, Windows, clips_of
from amclip.data.table import build_table, write_table
from amclip.data.tracks import Tracks, write_tracks
from amclip.data.video import Video
from amclip.ethogram.agreement import Agreement, Pair, agreement
from amclip.ethogram.bouts import BoutSettings, find_bouts, timeline
from amclip.ethogram.extent import Extent
from amclip.ethogram.scores import WindowScores
from amclip.flow.tvl1 import TVL1
from amclip.inputs import CropInput, FlowInput, NetworkInput

CONFIG = Path(__file__).parents[2] / "configs/demo.yaml"
FPS, SIDE = 25.0, 384  # what the 1024 x 1024 video is shrunk to once, with key frames only: clips are read at random
SIZE, POSITIONS, GAP, BOUND = 64, 6, 2, 3.0
MARGIN = 0.35  # body lengths; the crop of a fly is then 168 to 192 pixels of the 1024
EPOCHS, COPIES = 12, 4  # the encoder is frozen: its embeddings of four versions of each clip are kept
PARTS = {"train": TRAIN, "val": VALIDATION, "held out": HELD_OUT}
CLASSES = fly_tracks.BEHAVIOURS
ANIMALS, SCENE, STATISTICS = "amclip per animal", "amclip whole frames", "flow statistics per animal"
MOTION = "amclip per animal, motion token alone"
FOLDERS = {ANIMALS: "animals", MOTION: "motion", SCENE: "scene"}

NOTES = """\
## Why it is less than 0.70

Each fly by itself amclip is ahead of the statistics on the same boxes with every seed, in the mean and joined. What
is missing to 0.70 is in two behaviours:

- Chasing and turning have two bouts each in the held-out part, and no method finds them: 0.24 and 0.10 joined. The
  mean of the other four behaviours is 0.85 for each fly and 0.91 joined; the statistics reach 0.76 and 0.84.
- Chasing is of two flies up to 320 pixels apart, and the crop of one ends 84 to 96 pixels from its middle. Whole
  frames, which show both, tell it best (0.58 joined). A wider second crop (`input.crop.context`) was not tried.
- All methods lose much from validation to the held-out part (amclip 0.15, the statistics 0.16 of the joined mean):
  the parts differ, and neither is long.
- The network does not fit what it was trained on: 0.63 to 0.66 on the training windows of each fly.

The settings (frames through a frozen encoder and numbers of the motion, 6 positions, 12 epochs) were chosen on
validation; every seed looked at the held-out part once with these. Before, seed 0 had looked at it with other
settings (0.645 joined) and with these under other draws of augmentation (0.643); nothing was chosen by that. Bouts
were cut with settings chosen on validation: no method reaches an F1 of 0.35 at an overlap of 0.5.
"""

Scores = Mapping[str, WindowScores]
"""By fly; of whole frames both have the same."""


@dataclass(frozen=True)
class Truth:
    """What is known of the video.

    Attributes:
        flies: Time line of each fly, by name.
        scene: Time line of the scene, as its labels have it.
    """

    flies: dict[str, Timeline]
    scene: Timeline

    @classmethod
    def of(cls, data: Path) -> "Truth":
        (scene,) = boris_events.read(
            (data / "courtship_aggregated_events.csv").read_text(), "the scene's events", Reading()
        ).timelines
        flies = fly_tracks.fly_timelines(data / "courtship.sleap.h5")
        return cls({one.subjects[0]: one for one in flies}, replace(scene, video=fly_tracks.VIDEO))

    def windows(self, who: str | None) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Start of each window, and what a fly (``None``: the scene) shows in it, ``[windows, classes]``."""
        one = self.scene if who is None else self.flies[who]
        table = build_table(clips_of([replace(one, subjects=())], Windows(WINDOW, HOP), "labels"), "labels", CLASSES)
        return np.array([clip.start or 0.0 for clip in table.clips]), table.targets()

    def write(self, work: Path, every: int) -> None:
        """Tables of windows for training and validation, of each fly and of the scene; no window crosses a border."""
        for name, lines in (("animals", list(self.flies.values())), ("scene", [self.scene])):
            clips = []
            for number, clip in enumerate(clips_of(lines, Windows(WINDOW, HOP), "labels", "each")):
                for split in ("train", "val"):
                    first, last = PARTS[split]
                    if first <= (clip.start or 0.0) and (clip.stop or 0.0) <= last and number % every == 0:
                        clips.append(replace(clip, split=split, line=None))
            write_table(build_table(clips, name, CLASSES), work / f"{name}.csv")


def train(benchmark: Benchmark, method: str, seed: int, epochs: int) -> tuple[Path, float]:
    """Fit the demo's network on windows; the checkpoint that was best on validation, and the seconds it took."""
    name, work = "scene" if method == SCENE else "animals", benchmark.work
    run = work / f"{FOLDERS[method]}_{seed}"
    done = run / "seconds"
    if not done.exists():
        began = time.time()
        words = [
            *("fit", f"--config={CONFIG}", f"--data.source.labels={work / f'{name}.csv'}"),
            *(f"--data.source.root={work / 'videos'}", "--data.source.synthetic_clips=0"),
            *(f"--input.image_size={SIZE}", f"--input.frame_size=[{SIZE + 8},{SIZE + 8}]"),
            *("--input.num_segments=1", f"--input.positions_per_segment={POSITIONS}", "--data.sampler=class-aware"),
            *(f"--input.flow.gap={GAP}/25", f"--input.flow.bound={BOUND}"),
            *("--data.augmentation.crop_scale=[0.85,1.0]", "--data.augmentation.turn=true"),
            *("--data.num_workers=1", "--pictures.clips=0"),
            *(f"--trainer.max_epochs={epochs}", f"--seed_everything={seed}", f"--data.seed={seed}"),
            *("--trainer.enable_progress_bar=false", f"--trainer.logger.save_dir={run}"),
        ]
        if method != SCENE:
            words += [f"--data.source.tracks={work / 'tracks.csv'}", f"--input.crop.margin={MARGIN}"]
        else:
            words += ["--input.flow.gap=4/25", "--input.flow.bound=1.0"]  # flies are 6 pixels long
        words += ALONE if method == MOTION else WHOLE
        words += [f"--data.embeddings.folder={work / 'embeddings'}", f"--data.embeddings.copies={COPIES}"]
        benchmark.amclip(*words, *(f"--{word}" for word in benchmark.options.set))
        done.write_text(f"{time.time() - began:.0f}\n")
    return run / "version_0/checkpoints/best.ckpt", float(done.read_text())


def annotate(benchmark: Benchmark, method: str, seed: int, checkpoint: Path, flies: Sequence[str]) -> Scores:
    """Scores of every window of the video."""
    work = benchmark.work
    folder = work / f"{FOLDERS[method]}_{seed}/annotated"
    tracks = [] if method == SCENE else [f"--tracks={work / 'tracks.csv'}"]
    video = work / "videos" / fly_tracks.VIDEO
    benchmark.amclip(
        *("annotate", str(video), f"--checkpoint={checkpoint}", f"--output={folder}"),
        *(f"--window={WINDOW}", f"--hop={HOP}", *tracks),
    )
    return scores_in(folder, flies)


def scores_in(folder: Path, flies: Sequence[str]) -> Scores:
    """What an annotated folder says of each fly."""
    import pandas as pd

    table = pd.read_parquet(folder / "windows.parquet")
    with Video(folder.parents[1] / "videos" / fly_tracks.VIDEO) as video:
        extent = Extent.of(video)
    found = {}
    for fly in flies:
        mine = table[table["subject"] == fly] if "subject" in table else table
        columns = {name: mine[name].to_numpy() for name in ("start_frame", "stop_frame", "start", "stop")}
        values = mine[list(CLASSES)].to_numpy(np.float32)
        found[fly] = WindowScores(
            video=fly_tracks.VIDEO, classes=CLASSES, probabilities=values, extent=extent, subject=fly, **columns
        )
    return found


def flow_features(work: Path, tracks: Tracks, starts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Thirteen statistics of flow within each fly's box: mean, deviation, greatest over a window, ``[windows, 39]``."""
    flow_input = FlowInput(gap=f"{GAP}/25")
    seen = NetworkInput(frame_size=(SIZE, SIZE), image_size=SIZE, flow=flow_input, crop=CropInput(MARGIN))
    flow = TVL1.preset("fast")
    animals = [Animal.of(track, FPS) for track in tracks.videos[fly_tracks.VIDEO]]
    rows: dict[str, list[NDArray[np.float64]]] = {animal.track.subject: [] for animal in animals}
    grey = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    with Video(work / "videos" / fly_tracks.VIDEO) as video:
        for start in starts:
            first = round(start * FPS)
            stop = first + round(WINDOW * FPS)
            frames = np.arange(first, stop - GAP, 2)
            wanted = np.stack([frames, frames + GAP], axis=1)
            assert seen.crop is not None
            crops = [animal.crops(seen.crop, frames, frames + GAP, first, stop) for animal in animals]
            for animal, pictures in zip(animals, read_crops(video, wanted, crops, seen), strict=True):
                images = (pictures.float() * grey).sum(dim=2, keepdim=True).round().byte()
                values = statistics_of(flow(images)).double().numpy()
                rows[animal.track.subject].append(
                    np.concatenate([values.mean(axis=0), values.std(axis=0), values.max(axis=0)])
                )
    return {name: np.stack(mine) for name, mine in rows.items()}


def baseline(work: Path, tracks: Tracks, truth: Truth) -> tuple[Scores, list[float]]:
    """Calibrated probabilities of every window of each fly, and thresholds; C is chosen on validation."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    labels = {fly: truth.windows(fly) for fly in truth.flies}
    starts = next(iter(labels.values()))[0]
    kept = work / f"flow_{GAP}_{MARGIN}.npz"
    if not kept.exists():
        np.savez(kept, **flow_features(work, tracks, starts))
    features = dict(np.load(kept))
    part = {name: within(starts, name) for name in PARTS}
    seen = np.concatenate([features[fly][part["train"]] for fly in labels])
    known = np.concatenate([labels[fly][1][part["train"]] for fly in labels])
    tuned = np.concatenate([features[fly][part["val"]] for fly in labels])
    tuned_truth = np.concatenate([labels[fly][1][part["val"]] for fly in labels])
    values = {fly: np.zeros((len(starts), len(CLASSES))) for fly in labels}
    validation = np.zeros(tuned_truth.shape)
    for column in range(len(CLASSES)):
        best = -1.0
        for strength in (0.001, 0.01, 0.1, 1.0, 10.0):
            model = make_pipeline(
                StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=5000)
            ).fit(seen, known[:, column])
            guess = model.predict_proba(tuned)[:, 1]
            if (score := average_precision(tuned_truth[:, column], guess)) > best:
                best, validation[:, column] = score, guess
                for fly in labels:
                    values[fly][:, column] = model.predict_proba(features[fly])[:, 1]
    calibrator = Calibrator.fit(torch.from_numpy(validation).logit(), torch.from_numpy(tuned_truth))
    frames = np.rint(starts * FPS).astype(np.int64)
    length = round(WINDOW * FPS)
    duration = next(iter(truth.flies.values())).end
    scores = {
        fly: WindowScores(
            *(fly_tracks.VIDEO, CLASSES, frames, frames + length, frames / FPS, (frames + length) / FPS),
            probabilities=calibrator(torch.from_numpy(mine).logit()).numpy(),
            extent=Extent(FPS, round(duration * FPS), duration),
            subject=fly,
        )
        for fly, mine in values.items()
    }
    return scores, list(calibrator.thresholds)


def within(starts: NDArray[np.float64], part: str) -> NDArray[np.bool_]:
    """Which windows lie within a part."""
    first, last = PARTS[part]
    return (starts >= first - 1e-6) & (starts + WINDOW <= last + 1e-6)


def average_precision(truth: NDArray[np.float32], values: NDArray[np.floating]) -> float:
    """Of one behaviour; NaN where it is not shown."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(truth, values)) if truth.any() else float("nan")


def at_windows(scores: WindowScores, starts: NDArray[np.float64]) -> NDArray[np.float32]:
    """Probabilities of the windows that start then, ``[windows, classes]``."""
    # Times of frames, of tables and of windows are rounded otherwise.
    row = {round(start, 2): number for number, start in enumerate(scores.start.tolist())}
    return scores.probabilities[[row[round(start, 2)] for start in starts.tolist()]]


def joined(values: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """What the scene shows, from what each fly does: a behaviour of any fly is the scene's, only still are all."""
    every = np.stack(values)
    return np.where(np.array(CLASSES) == "still", every.min(axis=0), every.max(axis=0))


def precisions(scores: Scores, truth: Truth, part: str) -> dict[str, list[float]]:
    """Average precision of the windows of a part: ``each`` fly's windows together, and ``joined`` to the scene."""
    wanted, values = [], []
    for fly in truth.flies:
        starts, labels = truth.windows(fly)
        mine = within(starts, part)
        wanted.append(labels[mine])
        values.append(at_windows(scores[fly], starts[mine]))
    starts, labels = truth.windows(None)
    scene = labels[within(starts, part)]
    together, both, every = joined(values), np.concatenate(values), np.concatenate(wanted)
    columns = range(len(CLASSES))
    return {
        "each": [average_precision(every[:, column], both[:, column]) for column in columns],
        "joined": [average_precision(scene[:, column], together[:, column]) for column in columns],
    }


def choose_settings(scores: Scores, thresholds: Sequence[float], truth: Truth) -> dict[str, BoutSettings]:
    """Smoothing and least lengths with the best bouts of each fly on validation: mean F1 at an overlap of 0.25."""

    def score(settings: dict[str, BoutSettings]) -> float:
        found = bouts_agree(scores, settings, truth, "val")
        return float(np.nanmean([one.bout_f1(0.25) for one in found.classes]))

    return best_settings(dict(zip(CLASSES, thresholds, strict=True)), score)


def bouts_agree(scores: Scores, settings: Mapping[str, BoutSettings], truth: Truth, part: str) -> Agreement:
    """Bouts of each fly against what it shows, both flies together."""
    first, last = PARTS[part]
    pairs = []
    for fly, labelled in truth.flies.items():
        found = [Bout(one.start, one.stop, one.behaviour) for one in find_bouts(timeline(scores[fly]), settings)]
        told = [
            tuple(
                replace(bout, start=max(bout.start, first), stop=min(bout.stop, last))
                for bout in bouts
                if bout.start < last and bout.stop > first
            )
            for bouts in (found, labelled.bouts)
        ]
        pairs.append(Pair(fly, *told, ((first, last),), FPS))
    return agreement(pairs, CLASSES, FPS)


@dataclass
class Found:
    """What one method says.

    Attributes:
        precision: Of each part and reading, a list over seeds of the behaviours' values.
        bouts: F1 of bouts at an overlap of 0.5 on the held-out part, likewise.
        seconds: Of training, over seeds.
        settings: Chosen on validation, over seeds.
    """

    precision: dict[tuple[str, str], list[list[float]]]
    bouts: list[list[float]]
    seconds: list[float]
    settings: list[BoutSettings]

    @classmethod
    def nothing(cls) -> "Found":
        return cls({}, [], [], [])

    def add(self, scores: Scores, thresholds: Sequence[float], truth: Truth, parts: Sequence[str]) -> None:
        """Measure a run on some parts; bouts where the held-out one is among them."""
        for part in parts:
            for reading, values in precisions(scores, truth, part).items():
                self.precision.setdefault((part, reading), []).append(values)
        settings = choose_settings(scores, thresholds, truth)
        self.settings.append(settings[CLASSES[0]])
        if "held out" in parts:
            found = bouts_agree(scores, settings, truth, "held out")
            self.bouts.append([one.bout_f1(0.5) if one.labelled_bouts else float("nan") for one in found.classes])

    def mean(self, part: str, reading: str) -> list[float]:
        """Mean over the behaviours shown, of each seed."""
        return [float(np.nanmean(values)) for values in self.precision[part, reading]]


def spread(values: Sequence[float]) -> str:
    """Mean, and least and greatest over seeds."""
    mean = f"{np.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ({min(values):.3f} to {max(values):.3f})"


def thresholds_of(folder: Path) -> list[float]:
    import json

    settings = json.loads((folder / "annotation.json").read_text())["settings"]
    return [settings[name]["threshold"] for name in CLASSES]


def report(found: Mapping[str, Found], agreeing: float, seeds: int) -> str:
    """The page."""
    ours, theirs = found[ANIMALS], found[STATISTICS]
    lines = [
        "# Courting flies, each by itself",
        "",
        "Written by `docs/benchmarks/per_animal_flies.py`. One video of 120 s, two fruit flies "
        "([talmolab/sleap](https://github.com/talmolab/sleap), Clear BSD), tracked with SLEAP. What each fly does "
        "follows from its own track by the rules that the scene's labels were made by; joined, the flies' labels "
        f"agree with the scene's in {agreeing:.1%} of frames and behaviours. "
        f"Trained on {TRAIN[0]:g} to {TRAIN[1]:g} s, tuned on {VALIDATION[0]:g} to {VALIDATION[1]:g} s, compared on "
        f"{HELD_OUT[0]:g} to {HELD_OUT[1]:g} s, which nothing was tuned on. Windows of {WINDOW:g} s. "
        + (
            f"Mean over {seeds} seeds of amclip, least and greatest in brackets. "
            if seeds > 1
            else "Seed 0 of amclip. "
        )
        + "One video is little: the figures show that the way "
        "works on real pixels, not how good amclip is.",
        "",
        f"- {ANIMALS}: the demo's tiny network, frozen, at {SIZE} × {SIZE} on crops of each fly (its body length and "
        f"{MARGIN:g} of it on each side, fixed over a window), {POSITIONS} positions, and numbers of the motion over "
        f"{GAP} frames.",
        *([f"- {MOTION}: the same without the frames: a mean over time, and the head."] if MOTION in found else []),
        *(
            [
                f"- {SCENE}: the same network at {SIZE} × {SIZE} on whole frames, trained on the scene's labels; its "
                "scores are taken for each of the flies."
            ]
            if SCENE in found
            else []
        ),
        f"- {STATISTICS}: thirteen statistics of flow within the same crops at {SIZE} × {SIZE}, their mean, deviation "
        "and greatest value over a window, and a logistic regression per behaviour, its strength chosen on validation.",
        "",
        "Mean average precision of the windows over the behaviours shown. Each: both flies' windows together. Joined: "
        "the scene's labels, against the greater of the flies' scores (for still, the lesser).",
        "",
        "| | validation, each | validation, joined | held out, each | held out, joined | held out, bouts F1 0.5 |",
        "|---|---|---|---|---|---|",
    ]
    for who, one in found.items():
        cells = [spread(one.mean(part, reading)) for part in ("val", "held out") for reading in ("each", "joined")]
        bouts = spread([float(np.nanmean(values)) for values in one.bouts])
        lines.append(f"| {who} | {' | '.join(cells)} | {bouts} |")
    lines += [
        "",
        "Behaviour by behaviour on the held-out part, means over seeds; – where a behaviour is not shown:",
        "",
        "| behaviour | "
        + " | ".join(f"{who}: {what}" for what in ("each", "joined", "bouts F1 0.5") for who in found)
        + " |",
        "|---" * (1 + 3 * len(found)) + "|",
    ]
    for column, name in enumerate(CLASSES):
        values = [[row[column] for row in one.precision["held out", "each"]] for one in found.values()]
        values += [[row[column] for row in one.precision["held out", "joined"]] for one in found.values()]
        values += [[row[column] for row in one.bouts] for one in found.values()]
        cells = ["–" if np.isnan(mine).any() else f"{np.mean(mine):.2f}" for mine in values]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    mean, least = (np.mean(one.mean("held out", "each")) for one in (ours, theirs))
    scene = float(np.mean(ours.mean("held out", "joined")))
    lines += [
        "",
        f"Each fly: amclip {mean:.3f}, the statistics {least:.3f} ({'amclip' if mean > least else 'the statistics'} "
        f"ahead). Joined: amclip {scene:.3f}, {'at least' if scene >= 0.7 else 'less than'} 0.70. Whole frames at "
        "128 × 128 are [a page of their own](fly_courtship.md).",
        "",
    ]
    for who, one in found.items():
        if one.seconds:
            lines.append(f"- {who}: trained in {', '.join(f'{value:.0f}' for value in one.seconds)} s.")
    lines += ["", f"On {os.cpu_count()} cores ({platform.machine()}) shared with other work.", ""]
    lines.append(NOTES)
    return "\n".join(lines)


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("runs/per_animal_flies"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--validation", action="store_true", help="look at the validation part only; write no figures")
    parser.add_argument("--methods", nargs="*", default=[ANIMALS, MOTION, SCENE, STATISTICS])
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="NAME=VALUE", help="more of amclip fit's options, to try"
    )
    benchmark = Benchmark(parser, __file__, needs=["data"])
    options, work = benchmark.options, benchmark.work
    seeds, epochs = (1, 1) if benchmark.quick else (options.seeds, options.epochs)
    if benchmark.quick:
        import drawn_flies

        PARTS.update(zip(PARTS, drawn_flies.PARTS, strict=True))
        options.data = drawn_flies.draw_flies(work)
        options.methods = [ANIMALS, MOTION, STATISTICS]  # whole frames are tried by fly_courtship.py
    truth = Truth.of(options.data)
    sleap = options.data / "courtship.sleap.h5"
    key_frames_alone = {"crf": "12", "preset": "veryfast", "g": "1"}
    shrink(options.data / "courtship.mp4", work / "videos" / fly_tracks.VIDEO, SIDE, key_frames_alone)
    tracks = fly_tracks.scaled_tracks(sleap, SIDE / 1024)
    write_tracks(tracks, work / "tracks.csv")
    truth.write(work, every=4 if benchmark.quick else 1)
    parts = ["train", "val"] if options.validation else list(PARTS)

    found = {who: Found.nothing() for who in options.methods}
    for who, one in found.items():
        for seed in range(1 if who == STATISTICS else seeds):
            with benchmark.section(f"{who}, seed {seed}") as lines:
                if who == STATISTICS:
                    scores, thresholds = baseline(work, tracks, truth)
                else:
                    checkpoint, took = train(benchmark, who, seed, epochs)
                    one.seconds.append(took)
                    scores = annotate(benchmark, who, seed, checkpoint, list(truth.flies))
                    thresholds = thresholds_of(work / f"{FOLDERS[who]}_{seed}/annotated")
                one.add(scores, thresholds, truth, parts)
                for part in parts:
                    told = {reading: round(one.mean(part, reading)[-1], 3) for reading in ("each", "joined")}
                    lines.append(f"{part}: {told}")
                if options.validation:
                    values = [round(value, 2) for value in one.precision["val", "each"][-1]]
                    lines.append(f"{values} {one.settings[-1]}")
    if not options.validation:
        with benchmark.section("The page"):
            agreeing = fly_tracks.agreement_with_scene(sleap, options.data / "courtship_labels.csv")
            benchmark.write(report(found, agreeing, seeds))
    benchmark.close()


if __name__ == "__main__":
    main()
