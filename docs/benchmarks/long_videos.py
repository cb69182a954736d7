"""Bouts in long drawn videos, found by a network that was trained on short windows of other videos.

    python docs/benchmarks/long_videos.py

The demo's network and rates, trained on windows of a second cut from the demo's four-second clips (a behaviour that
fills half of a window is its label), annotates videos of two minutes that were drawn with another seed and whose bouts
are known. Thresholds are those tuned on validation; bouts shorter than 0.6 s are dropped and gaps shorter than 0.4 s
closed, as the animals' shortest bout is 1.05 s. `amclip evaluate` compares. Writes `long_videos.md` beside this file.
"""

import argparse
import csv
import platform
import subprocess
import sys
from pathlib import Path

import torch

from amclip.data.synthetic import split_of, write_dataset

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
WINDOW, HOP, SECONDS = 1.0, 0.5, 4.0


def windows_of(folder: Path, target: Path) -> None:
    """Windows with the behaviours that fill half of them, from the bouts of the clips."""
    bouts: dict[str, list[tuple[str, float, float]]] = {}
    with (folder / "events.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            bouts.setdefault(row["filepath"], []).append((row["behaviour"], float(row["start"]), float(row["stop"])))
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
    """The known bouts in amclip's table."""
    with (folder / "events.csv").open(newline="") as file, target.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("filepath", "start", "stop", "label"))
        for row in csv.DictReader(file):
            writer.writerow((row["filepath"], row["start"], row["stop"], row["behaviour"]))


def amclip(*arguments: object) -> None:
    """Run a command; its words go to the screen."""
    subprocess.run([sys.executable, "-m", "amclip", *map(str, arguments)], check=True)


def main() -> None:
    """Draw, train, annotate, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/long_videos"), help="folder for videos and runs")
    parser.add_argument("--clips", type=int, default=360)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--videos", type=int, default=4)
    options = parser.parse_args()
    work = options.work
    work.mkdir(parents=True, exist_ok=True)
    write_dataset(work / "clips", options.clips, seed=0, progress=False)
    write_dataset(work / "long", options.videos, seed=100, seconds=120.0, progress=False)
    windows_of(work / "clips", work / "windows.csv")
    truth_of(work / "long", work / "truth.csv")
    amclip(
        *("fit", f"--config={ROOT / 'configs/demo.yaml'}", "--data.synthetic_clips=0"),
        *(f"--data.labels={work / 'windows.csv'}", f"--data.root={work / 'clips'}"),
        *("--data.num_segments=1", "--data.positions_per_segment=6", "--data.batch_size=16"),
        *(f"--trainer.max_epochs={options.epochs}", f"--trainer.logger.save_dir={work}", "--pictures.clips=0"),
        "--trainer.enable_progress_bar=false",
    )
    checkpoint = sorted(work.glob("version_*/checkpoints/best.ckpt"), key=lambda path: path.stat().st_mtime)[-1]
    amclip(
        *("annotate", work / "long" / "videos", "--checkpoint", checkpoint, "--output", work / "run", "--hop", 0.2),
        *("--minimum_bout", 0.6, "--minimum_gap", 0.4, "--restart"),
    )
    amclip("evaluate", work / "run", work / "truth.csv", "--output", work / "agreement")
    print(platform.machine(), torch.__version__)


if __name__ == "__main__":
    main()
