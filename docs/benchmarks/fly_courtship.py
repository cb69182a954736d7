"""Two courting flies, from BORIS labels to bouts of a part of the video that nobody trained or tuned on.

    python docs/benchmarks/fly_courtship.py --data FOLDER --work FOLDER [--validation]
    python docs/benchmarks/fly_courtship.py --quick      drawn dots in place of flies

`--data` holds `courtship.mp4` (talmolab/sleap, docs/notebooks/analysis_example, Clear BSD) and its bouts as BORIS
writes them, `courtship_aggregated_events.csv`. amclip is trained on the first part and tuned on the second; so is a
classical baseline: statistics of the same optical flow, and a logistic regression per behaviour. Both then annotate the
last part; `--validation` stops before. Writes `fly_courtship.md` and `fly_courtship.png` beside this file.
"""

import json
import os
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
import yaml
from fly_methods import best_settings, shrink, statistics_of
from numpy.typing import NDArray
from sections import Benchmark, new_parser

from amclip.calibration import Calibrator
from amclip.commands.evaluate import agreement_rows
from amclip.data.formats import Reading, boris_events
from amclip.data.intervals import Timeline, Windows, clips_of
from amclip.data.table import LabelTable, build_table, write_table
from amclip.data.video import Video
from amclip.ethogram.agreement import Agreement, agreement
from amclip.ethogram.annotations import Annotation, read_annotation
from amclip.ethogram.bouts import BoutSettings, find_bouts, timeline
from amclip.ethogram.extent import Extent
from amclip.ethogram.figure import Panel, Track, draw_ethogram
from amclip.ethogram.outputs import write_outputs
from amclip.ethogram.pairing import pair_up
from amclip.ethogram.plan import plan_windows
from amclip.ethogram.scores import WindowScores
from amclip.flow.tvl1 import TVL1

CONFIG = Path(__file__).parents[2] / "configs/demo.yaml"
# Seconds. Behaviours rare in one part are frequent in another; validation is long enough to hold some of each.
TRAIN, VALIDATION, HELD_OUT = (0.0, 74.0), (74.0, 92.0), (94.0, 120.0)
WINDOW, HOP = 0.6, 0.2  # half of all bouts are shorter than 0.8 s
SIDE = 256  # what the 1024 x 1024 video is shrunk to once, so that decoding does not take most of the time
SIZE, GAP, BOUND, POSITIONS = 128, 4, 1.5, 4
COPIES = 6  # the encoder is frozen: its embeddings of so many versions of each clip are kept
# A fly is 12 pixels long at 128 x 128; in 4 frames 99.9 % of the pixels move less than about 1 pixel.

NETWORK, MOTION, STATISTICS = "amclip", "amclip, motion token alone", "flow statistics"
FOLDERS = {NETWORK: "amclip", MOTION: "motion"}
# A frozen encoder and means over time: little is learned from 368 windows, and the average of its steps is kept.
FROZEN = (
    *("--input.flow.motion.cells=3", "--model.network.tuning.trainable_blocks=0", "--model.network.temporal.layers=0"),
    *("--model.optimiser.learning_rate=3e-3", "--model.ema_decay=0.99"),
)
# Frames and numbers of the motion, or the numbers alone.
FED = {NETWORK: "--input.modality=frames", MOTION: "--input.modality=motion"}

NOTES = """\
## What the figures say

By average precision of the held-out windows amclip is ahead on whole frames with every seed, by 0.029 in the mean of
three. Nearly all of it comes from the numbers of the motion, the statistics' among them: frames beside them neither
help nor harm here. Cut into bouts (seed 0), amclip is ahead in the means of frame F1, kappa and bout F1 at 0.5; at an
overlap of 0.25 the statistics are. Cut out of the frame, each fly by itself, it is ahead as well
([per animal](per_animal_flies.md)).

- The parts differ: proximity fills 18 % of the training windows and 77 % of the held-out ones, and no method finds a
  labelled turn.
- A fly is 12 pixels long at 128 × 128, in a network that has seen drawn animals only. Published CLIP weights and
  larger images were not tried.
- On validation amclip and the statistics are equal.

How it was tuned: mean over time in place of a transformer, learning rate, epochs and averaged weights were chosen by
four folds of the first 92 s, training and validation together, with two seeds and eleven settings; the held-out part
has no share in that. It had been looked at twice before, with other networks: interleaved, the encoder trained, no
numbers of motion (0.573 against 0.638 then); and a transformer over time at a lower rate (0.639 against 0.654), whose
about 45 settings were tried on the validation part.
"""


def windows_table(labels: Timeline) -> LabelTable:
    """Windows for training and for validation; what crosses a border is in neither."""
    clips = []
    for clip in clips_of([labels], Windows(WINDOW, HOP), "labels"):
        start, stop = clip.start or 0.0, clip.stop or 0.0
        if stop <= TRAIN[1]:
            clips.append(replace(clip, split="train", line=None))
        elif VALIDATION[0] <= start and stop <= VALIDATION[1]:
            clips.append(replace(clip, split="val", line=None))
    return build_table(clips, "windows")


def train(benchmark: Benchmark, method: str, epochs: int, seed: int, more: Sequence[str] = ()) -> tuple[Path, float]:
    """Fit the demo's network on the windows; the checkpoint that was best on validation, and the seconds it took."""
    work = benchmark.work
    run = work / f"{FOLDERS[method]}_run_{seed}"
    checkpoint = run / "version_0/checkpoints/best.ckpt"
    done = run / "seconds"
    if not done.exists():
        began = time.time()
        benchmark.amclip(
            *(
                "fit",
                f"--config={CONFIG}",
                f"--data.source.labels={work / 'windows.csv'}",
                f"--data.source.root={work / 'videos'}",
            ),
            *(
                "--data.source.synthetic_clips=0",
                f"--input.image_size={SIZE}",
                f"--input.frame_size=[{SIZE + 16},{SIZE + 16}]",
            ),
            *(f"--input.flow.gap={GAP}/25", f"--input.flow.bound={BOUND}", "--data.sampler=class-aware"),
            *(
                "--input.num_segments=1",
                f"--input.positions_per_segment={POSITIONS}",
                "--data.augmentation.crop_scale=[0.85,1.0]",
            ),
            *(
                f"--trainer.max_epochs={epochs}",
                f"--seed_everything={seed}",
                f"--data.seed={seed}",
                "--data.num_workers=1",
                "--pictures.clips=0",
            ),
            *("--trainer.enable_progress_bar=false", f"--trainer.logger.save_dir={run}"),
            *(*FROZEN, FED[method]),
            *(f"--data.embeddings.folder={work / 'embeddings'}", f"--data.embeddings.copies={COPIES}"),
            *(f"--{word}" for word in more),
        )
        done.write_text(f"{time.time() - began:.0f}\n")
    return checkpoint, float(done.read_text())


def annotate(benchmark: Benchmark, method: str, seed: int, checkpoint: Path, *more: str) -> Path:
    folder = benchmark.work / f"{FOLDERS[method]}_{seed}"
    video = benchmark.work / "videos/courtship.mp4"
    times = (f"--window={WINDOW}", f"--hop={HOP}")
    benchmark.amclip("annotate", str(video), f"--checkpoint={checkpoint}", f"--output={folder}", *times, *more)
    return folder


def scores_of(folder: Path) -> WindowScores:
    """The windows of the one video in an annotated folder."""
    import pandas as pd

    said = json.loads((folder / "annotation.json").read_text())
    table, (video,) = pd.read_parquet(folder / "windows.parquet"), said["videos"]
    columns = {name: table[name].to_numpy() for name in ("start_frame", "stop_frame", "start", "stop")}
    values = table[said["classes"]].to_numpy(np.float32)
    extent = Extent(video["fps"], video["num_frames"], video["duration"])
    classes = tuple(said["classes"])
    return WindowScores(video=video["video"], classes=classes, probabilities=values, extent=extent, **columns)


def windows_of(work: Path, classes: tuple[str, ...]) -> WindowScores:
    """The windows that `amclip annotate` scores, of which nothing is known yet."""
    with Video(work / "videos/courtship.mp4") as video:
        plan = plan_windows(video.timestamps(), video.duration, WINDOW, HOP, POSITIONS, GAP / 25)
        extent = Extent(video.fps, video.num_frames, video.duration)
    columns = {name: getattr(plan, name) for name in ("start_frame", "stop_frame", "start", "stop")}
    values = np.zeros((len(plan), len(classes)), np.float32)
    return WindowScores(video="courtship.mp4", classes=classes, probabilities=values, extent=extent, **columns)


def flow_statistics(video: Path) -> NDArray[np.float64]:
    """What the flow from each frame to the one GAP later looks like, ``[frames, features]``; every second frame."""
    import av

    with av.open(str(video)) as opened:
        small = (frame.reformat(SIZE, SIZE, interpolation="AREA", format="gray") for frame in opened.decode(video=0))
        frames = [frame.to_ndarray() for frame in small]
    images = torch.from_numpy(np.stack(frames))[:, None]
    flow = TVL1.preset("fast")
    firsts = torch.arange(0, len(images) - GAP, 2)
    rows = []
    for part in firsts.split(64):
        field = flow(torch.stack([images[part], images[part + GAP]], dim=1))
        rows.append(statistics_of(field))
    return torch.cat(rows).double().numpy()


def window_features(statistics: NDArray[np.float64], first: Iterable[int], stop: Iterable[int]) -> NDArray[np.float64]:
    """Mean, deviation and greatest value of each statistic over the pairs within a window."""
    rows = []
    for begin, end in zip(first, stop, strict=True):
        mine = statistics[begin // 2 : max(begin // 2 + 1, (end - GAP + 1) // 2)]
        mine = mine if len(mine) else statistics[-1:]
        rows.append(np.concatenate([mine.mean(axis=0), mine.std(axis=0), mine.max(axis=0)]))
    return np.stack(rows)


def baseline(work: Path, like: WindowScores, table: LabelTable) -> tuple[WindowScores, list[float]]:
    """Calibrated probabilities of the windows that amclip scored, and thresholds; C is chosen on validation."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import average_precision_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    statistics, fps = flow_statistics(work / "videos/courtship.mp4"), like.extent.fps

    def known(split: str) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        rows = table.split(split)
        frames = [(round((clip.start or 0) * fps), round((clip.stop or 0) * fps)) for clip in rows.clips]
        return window_features(statistics, *zip(*frames, strict=True)), rows.targets()

    (seen, truth), (tuned, tuned_truth) = known("train"), known("val")
    asked = window_features(statistics, like.start_frame.tolist(), like.stop_frame.tolist())
    values, validation = np.zeros((len(asked), len(table.classes))), np.zeros(tuned_truth.shape)
    for column in range(len(table.classes)):
        best = -1.0
        for strength in (0.001, 0.01, 0.1, 1.0, 10.0):
            model = make_pipeline(
                StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=5000)
            ).fit(seen, truth[:, column])
            guess = model.predict_proba(tuned)[:, 1]
            there = tuned_truth[:, column].any()
            score = average_precision_score(tuned_truth[:, column], guess) if there else 0.0
            if score > best:
                best, validation[:, column] = score, guess
                values[:, column] = model.predict_proba(asked)[:, 1]
    calibrator = Calibrator.fit(torch.from_numpy(validation).logit(), torch.from_numpy(tuned_truth))
    probabilities = calibrator(torch.from_numpy(values).logit()).numpy()
    return replace(like, classes=table.classes, probabilities=probabilities), list(calibrator.thresholds)


def choose_settings(scores: WindowScores, thresholds: list[float], labels: Annotation) -> dict[str, BoutSettings]:
    """Smoothing and least lengths with the best bouts on validation: mean F1 over behaviours at an overlap of 0.25."""
    curves = timeline(scores)

    def score(settings: dict[str, BoutSettings]) -> float:
        guess = Annotation("scores", scores.classes, (as_timeline(scores, find_bouts(curves, settings)),))
        return mean_of(compared(guess, labels, VALIDATION), "bout_f1_iou_0.25")

    return best_settings(dict(zip(scores.classes, thresholds, strict=True)), score)


def as_timeline(scores: WindowScores, bouts: list) -> Timeline:
    from amclip.data.intervals import Bout

    mine = tuple(Bout(bout.start, bout.stop, bout.behaviour) for bout in bouts)
    return Timeline(scores.video, mine, scores.extent.duration, scores.extent.fps)


def compared(guess: Annotation, labels: Annotation, part: tuple[float, float]) -> Agreement:
    pairs, classes, _ = pair_up(guess, labels, *part)
    return agreement(pairs, classes, 25.0)


def mean_of(found: Agreement, name: str) -> float:
    return float(list(agreement_rows(found))[-1][name] or 0.0)


def window_precision(scores: WindowScores, labels: Timeline, part: tuple[float, float]) -> float:
    """Mean average precision of the windows within a part, over behaviours shown there: no threshold, no bouts."""
    from sklearn.metrics import average_precision_score

    # Tables of windows are rounded otherwise than time stamps of frames.
    row = {round(start, 2): index for index, start in enumerate(scores.start.tolist())}
    table = build_table(clips_of([labels], Windows(WINDOW, HOP), "labels"), "labels", scores.classes)
    mine = [
        (number, row[round(clip.start or 0.0, 2)])
        for number, clip in enumerate(table.clips)
        if part[0] <= (clip.start or 0.0) and (clip.stop or 0.0) <= part[1]
    ]
    truth, values = table.targets()[[i for i, _ in mine]], scores.probabilities[[j for _, j in mine]]
    shown = truth.any(axis=0)
    return float(np.mean([average_precision_score(truth[:, c], values[:, c]) for c in np.flatnonzero(shown)]))


def verdict(found: dict[str, Agreement]) -> str:
    """Who is ahead on the held-out part, measure by measure; closer than 0.01 counts as equal."""
    said = []
    for name, column in (("frame F1", "f1"), ("kappa", "kappa"), ("bout F1 at 0.5", "bout_f1_iou_0.5")):
        ours, theirs = (mean_of(found[who], column) for who in (NETWORK, STATISTICS))
        who = "equal" if abs(ours - theirs) < 0.01 else "amclip ahead" if ours > theirs else "the baseline ahead"
        said.append(f"{name} {ours:.2f} and {theirs:.2f} ({who})")
    return f"Means of amclip and of the baseline: {', '.join(said)}."


def report(
    found: dict[str, Agreement],
    settings: dict[str, dict[str, BoutSettings]],
    precision: dict[str, list[list[float]]],
    took: dict[str, float],
) -> str:
    names = {
        "f1": "frames F1",
        "kappa": "kappa",
        "bout_f1_iou_0.25": "bouts F1 0.25",
        "bout_f1_iou_0.5": "bouts F1 0.5",
    }
    rows = {who: {row["behaviour"]: row for row in agreement_rows(one)} for who, one in found.items()}
    lines = [
        "# Courting flies: from BORIS labels to bouts",
        "",
        "Written by `docs/benchmarks/fly_courtship.py`. One video of 120 s, two fruit flies "
        "([talmolab/sleap](https://github.com/talmolab/sleap), Clear BSD), labelled from tracked body points. "
        f"Trained on {TRAIN[0]:g} to {TRAIN[1]:g} s, tuned (best epoch, calibration, thresholds, smoothing, least "
        f"lengths) on {VALIDATION[0]:g} to {VALIDATION[1]:g} s, compared on {HELD_OUT[0]:g} to {HELD_OUT[1]:g} s, "
        "which nothing was tuned on. One video is little: the figures show that the way works on real pixels, not how "
        "good amclip is.",
        "",
        f"{NETWORK}: frames through the demo's frozen encoder and numbers of the motion (`input.flow.motion`). "
        f"{MOTION}: the numbers only, no image. {STATISTICS}: thirteen statistics of flow and a logistic regression.",
        "",
        verdict(found),
        "",
        "![ethogram](fly_courtship.png)",
        "",
        "| behaviour | bouts | " + " | ".join(f"{who}: {name}" for name in names.values() for who in found) + " |",
        "|---" * (2 + len(names) * len(found)) + "|",
    ]
    for behaviour in next(iter(rows.values())):
        bouts = next(iter(rows.values()))[behaviour]["labelled_bouts"]
        cells = [rows[who][behaviour][name] for name in names for who in found]
        texts = [f"{float(cell):.2f}" if cell else "–" for cell in cells]
        lines.append(f"| {behaviour} | {bouts} | {' | '.join(texts)} |")
    said = "Start and stop of bouts matched at an overlap of 0.1, median error in seconds (predicted − labelled):"
    lines += ["", said, ""]
    for who, one in found.items():
        onsets = [error for mine in one.classes for error in mine.onset_errors]
        offsets = [error for mine in one.classes for error in mine.offset_errors]
        told = [
            f"{np.median(errors):+.2f} (quartiles {np.quantile(errors, 0.25):+.2f}, {np.quantile(errors, 0.75):+.2f})"
            for errors in (onsets, offsets)
            if errors
        ]
        lines.append(f"- {who}: {len(onsets)} bouts" + (f", start {told[0]}, stop {told[1]}" if told else ""))
    lines += [
        "",
        "Average precision of the windows, mean over the behaviours shown in each part (no threshold, no bouts); the "
        "mean of seeds, and of several the least and the greatest. All else on this page is of seed 0:",
        "",
        "| | trained on | validation | held out |",
        "|---|---|---|---|",
    ]
    for who, mine in precision.items():
        cells = [f"{np.mean(one):.3f} ({min(one):.3f} to {max(one):.3f})" for one in zip(*mine, strict=True)]
        lines.append(f"| {who} | {' | '.join(cells) if len(mine) > 1 else ' | '.join(f'{x:.3f}' for x in mine[0])} |")
    lines += ["", "Settings chosen on validation:", ""]
    for who, mine in settings.items():
        one = next(iter(mine.values()))
        thresholds = ", ".join(f"{name} {cut.threshold:.2f}" for name, cut in mine.items())
        lines.append(
            f"- {who}: smoothing {one.smoothing:g} s, minimum bout {one.minimum_bout:g} s, minimum gap "
            f"{one.minimum_gap:g} s; thresholds {thresholds}"
        )
    seconds = ", ".join(f"{what} {value:.0f} s" for what, value in took.items())
    lines += ["", f"Times on {os.cpu_count()} cores ({platform.machine()}) shared with much other work: {seconds}."]
    lines += ["", NOTES]
    return "\n".join(lines)


def main() -> None:
    global TRAIN, VALIDATION, HELD_OUT
    parser = new_parser(__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--work", type=Path, default=Path("runs/fly_courtship"))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3, help="bouts and the picture are those of seed 0")
    parser.add_argument("--validation", action="store_true", help="look at the validation part only; write no figures")
    parser.add_argument("--methods", nargs="*", default=[NETWORK, MOTION, STATISTICS])
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="NAME=VALUE", help="more of amclip fit's options, to try"
    )
    benchmark = Benchmark(parser, __file__, needs=["data"])
    options, work = benchmark.options, benchmark.work
    if benchmark.quick:
        import drawn_flies

        TRAIN, VALIDATION, HELD_OUT = drawn_flies.PARTS
        options.data = drawn_flies.draw_flies(work)
        options.methods = [NETWORK, STATISTICS]  # the token of motion alone is tried by per_animal_flies.py
    took: dict[str, float] = {}
    source = options.data / "courtship_aggregated_events.csv"
    (truth,) = boris_events.read(source.read_text(), str(source), Reading()).timelines
    shrink(options.data / "courtship.mp4", work / "videos/courtship.mp4", SIDE, {"crf": "8"})
    table = windows_table(truth)
    write_table(table, work / "windows.csv")
    labels = read_annotation(source)

    scores: dict[str, WindowScores] = {}
    precision: dict[str, list[list[float]]] = {}
    cut: dict[str, dict[str, BoutSettings]] = {}
    seen: dict[str, Annotation] = {}
    parts = (TRAIN, VALIDATION) if options.validation else (TRAIN, VALIDATION, HELD_OUT)
    for method in options.methods:
        with benchmark.section(method) as lines:
            began = time.time()
            if method == STATISTICS:
                any_scores = next(iter(scores.values())) if scores else windows_of(work, table.classes)
                scores[method], thresholds = baseline(work, any_scores, table)
                took["baseline"] = time.time() - began
            else:
                more = [word.removeprefix("--") for word in options.set]
                checkpoint, took[f"training ({method})"] = train(benchmark, method, options.epochs, 0, more)
                began = time.time()
                folder = annotate(benchmark, method, 0, checkpoint)
                took[f"annotating ({method})"] = time.time() - began
                scores[method] = scores_of(folder)
                tuned = json.loads((folder / "annotation.json").read_text())["settings"]
                thresholds = [tuned[name]["threshold"] for name in scores[method].classes]
            precision[method] = [[window_precision(scores[method], truth, part) for part in parts]]
            lines.append(f"{[round(value, 3) for value in precision[method][0]]}")
            if options.validation:
                continue
            cut[method] = choose_settings(scores[method], thresholds, labels)
            if method == STATISTICS:
                write_outputs(work / "baseline", [scores[method]], cut[method])
                seen[method] = read_annotation(work / "baseline")
            else:
                bouts = work / f"{FOLDERS[method]}_bouts.yaml"
                bouts.write_text(yaml.safe_dump({"classes": {k: asdict(v) for k, v in cut[method].items()}}))
                seen[method] = read_annotation(annotate(benchmark, method, 0, checkpoint, f"--settings={bouts}"))
    for method in options.methods:
        for seed in range(1, 1 if method == STATISTICS or benchmark.quick else options.seeds):
            with benchmark.section(f"{method}, seed {seed}") as lines:
                more = [word.removeprefix("--") for word in options.set]
                checkpoint, _ = train(benchmark, method, options.epochs, seed, more)
                again = scores_of(annotate(benchmark, method, seed, checkpoint))
                precision[method].append([window_precision(again, truth, part) for part in parts])
                lines.append(f"{[round(value, 3) for value in precision[method][-1]]}")
    if not options.validation:
        with benchmark.section("The page and the picture"):
            found = {who: compared(one, labels, HELD_OUT) for who, one in seen.items()}
            for who, one in found.items():
                print(who, {name: round(mean_of(one, name), 3) for name in ("f1", "kappa", "bout_f1_iou_0.5")})
            benchmark.write(report(found, cut, precision, took))
            tracks = [Track("labels", labels.timelines[0].bouts)]
            tracks += [Track(who, one.timelines[0].bouts) for who, one in seen.items()]
            panel = Panel("", tracks, *HELD_OUT)
            draw_ethogram(benchmark.output.with_suffix(".png"), [panel], labels.classes)
    benchmark.close()


if __name__ == "__main__":
    main()
