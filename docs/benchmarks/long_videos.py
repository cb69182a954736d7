"""Bouts in long drawn videos, found by a network that was trained on short windows of other videos.

    python docs/benchmarks/long_videos.py [--quick]

The demo's network and rates, trained on windows of a second cut from the demo's four-second clips (a behaviour that
fills half of a window is its label), annotates videos of two minutes that were drawn with another seed and whose bouts
are known. Thresholds are those tuned on validation; bouts shorter than 0.6 s are dropped and gaps shorter than 0.4 s
closed, as the animals' shortest bout is 1.05 s. `amclip evaluate` compares. Writes `long_videos.md` beside this file.
"""

import argparse
import csv
import platform
from itertools import pairwise
from pathlib import Path

import torch
from sections import Benchmark, drawn_clips, new_parser

from amclip.data.synthetic import ClipSettings, split_of, write_dataset

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WINDOW, HOP, SECONDS, LONG = 1.0, 0.5, 4.0, 120.0


def bouts_of(folder: Path) -> dict[str, list[tuple[str, float, float]]]:
    """Behaviour, start and stop in seconds of all bouts, by video."""
    bouts: dict[str, list[tuple[str, float, float]]] = {}
    with (folder / "events.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            bouts.setdefault(row["filepath"], []).append((row["behaviour"], float(row["start"]), float(row["stop"])))
    return bouts


def windows_of(folder: Path, target: Path) -> None:
    """Windows with the behaviours that fill half of them, from the bouts of the clips."""
    bouts = bouts_of(folder)
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("filepath", "start", "stop", "label", "split"))
        for video in sorted(path.relative_to(folder).as_posix() for path in (folder / "videos").glob("*.mp4")):
            split = split_of(int(video[-9:-4]))
            for number in range(int((SECONDS - WINDOW) / HOP) + 1):
                start = number * HOP
                stop = start + WINDOW
                shown = {
                    name
                    for name, begin, end in bouts.get(video, ())
                    if min(end, stop) - max(begin, start) >= 0.5 * WINDOW
                }
                writer.writerow((video, start, stop, ";".join(sorted(shown)), "val" if split == "test" else split))


def truth_of(folder: Path, target: Path) -> None:
    """The known bouts in amclip's table: each video from end to end, cut wherever a behaviour starts or stops."""
    with target.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("filepath", "start", "stop", "label"))
        for video, known in bouts_of(folder).items():
            edges = sorted({0.0, LONG, *(time for _, *times in known for time in times)})
            for start, stop in pairwise(edges):
                shown = sorted({name for name, begin, end in known if begin <= start and stop <= end})
                writer.writerow((video, start, stop, ";".join(shown)))


def main() -> None:
    """Draw, train, annotate, compare, write."""
    global WINDOW, SECONDS, LONG
    parser = new_parser(__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/long_videos"), help="folder for videos and runs")
    parser.add_argument("--clips", type=int, default=360)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--videos", type=int, default=4)
    run = Benchmark(parser, __file__)
    options, work = run.options, run.work
    clips, long = work / "clips", ClipSettings(100, LONG)
    if run.quick:
        WINDOW, SECONDS, LONG = 0.7, 1.4, 12.0
        options.videos, clips, long = 1, drawn_clips(), ClipSettings(100, LONG, (48, 64))
    else:
        write_dataset(clips, options.clips, progress=False)
    write_dataset(work / "long", options.videos, long, workers=1 if run.quick else None, progress=False)
    windows_of(clips, work / "windows.csv")
    truth_of(work / "long", work / "truth.csv")
    with run.section("Training"):
        run.amclip(
            *("fit", f"--config={ROOT / 'configs/demo.yaml'}", "--data.source.synthetic_clips=0"),
            *(f"--data.source.labels={work / 'windows.csv'}", f"--data.source.root={clips}"),
            *("--input.num_segments=1", "--input.positions_per_segment=6", "--data.batch_size=16"),
            *(f"--trainer.max_epochs={options.epochs}", f"--trainer.logger.save_dir={work}", "--pictures.clips=0"),
            "--trainer.enable_progress_bar=false",
        )
    with run.section("Annotating"):
        checkpoint = sorted(work.glob("version_*/checkpoints/best.ckpt"), key=lambda path: path.stat().st_mtime)[-1]
        run.amclip(
            *("annotate", work / "long" / "videos", "--checkpoint", checkpoint, "--output", work / "run", "--hop", 0.2),
            *("--minimum_bout", 0.6, "--minimum_gap", 0.4, "--restart"),
        )
    with run.section("Comparing"):
        run.amclip("evaluate", work / "run", work / "truth.csv", "--output", work / "agreement")
        write(work / "agreement" / "agreement.csv", options, run.output)
    run.close()


def write(agreement: Path, options: argparse.Namespace, output: Path) -> None:
    """The table of `amclip evaluate`, shortened."""
    with agreement.open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [
        "# Bouts in long drawn videos",
        "",
        "Written by `docs/benchmarks/long_videos.py` "
        f"({platform.machine()}, PyTorch {torch.__version__.split('+')[0]}). "
        f"The demo's network, trained for {options.epochs} epochs on windows of {WINDOW:g} s from {options.clips} "
        f"short clips, annotates {options.videos} other videos of {LONG:g} s, drawn with another seed. One training, "
        "one seed.",
        "",
        "| behaviour | bouts | found | frames F1 | kappa | bouts F1 at IoU 0.1 | 0.25 | 0.5 | start, s | stop, s |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        numbers = [row[f"bout_f1_iou_{share}"] for share in ("0.1", "0.25", "0.5")]
        cells = [f"{float(value or 'nan'):.2f}" for value in (row["f1"], row["kappa"], *numbers)]
        errors = [
            f"{float(row[f'{end}_error_median'] or 'nan'):+.2f}".replace("+nan", "") for end in ("onset", "offset")
        ]
        counts = row["labelled_bouts"], row["predicted_bouts"]
        lines.append(f"| {' | '.join((row['behaviour'], *counts, *cells, *errors))} |")
    lines += ["", "Start and stop: median of predicted minus known, over bouts matched at an overlap of 0.1.", ""]
    output.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
