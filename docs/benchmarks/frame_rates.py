"""The demo's network, trained at 15 frames per second, tested on the same motions at 15, 30 and 60.

    python docs/benchmarks/frame_rates.py            # trains once per seed, a few minutes each on two cores
    python docs/benchmarks/frame_rates.py --quick    # a smoke test: few clips, one epoch, figures that say nothing

Test clips are drawn once, at the highest rate; the lower rates leave frames out, so the motions are the same.
Each rate is tested with the checkpoint as it is, whose flow gap is a time, and again with a gap of one frame of
that rate. Writes `frame_rates.md` beside this file.
"""

import csv
import json
import platform
import statistics
from pathlib import Path

from sections import Benchmark, drawn_clips, new_parser

from amclip.data.frame_rates import gap_in_frames
from amclip.data.synthetic import ClipSettings, iterate_frames, labels_of, plan_clip, split_of, write_dataset
from amclip.data.synthetic.settings import FPS, SECONDS
from amclip.data.writer import VideoWriter

HERE = Path(__file__).parent
CONFIG = HERE.parents[1] / "configs/demo.yaml"
RATES = (15, 30, 60)
STREAM = 0  # the demo's clips
FASTEST = ClipSettings(STREAM, SECONDS, fps=RATES[-1])
GAP = 1 / 15  # seconds, as the config says


def draw(clips: int, work: Path, quick: bool) -> None:
    """The demo's clips at its own rate to train on, and its test clips at every rate."""
    if not quick:
        write_dataset(work / "train", clips, ClipSettings(STREAM), workers=1, progress=False)
    rows: list[tuple[str, str, str]] = []
    for index in (index for index in range(clips) if split_of(index) == "test"):
        name = f"videos/clip_{index:05d}.mp4"
        rows.append((name, ";".join(labels_of(plan_clip(FASTEST, index).bouts)), "test"))
        if not (work / f"{RATES[0]}" / name).exists():
            draw_test_clip(index, {rate: work / f"{rate}" / name for rate in RATES})
    for rate in RATES:
        with (work / f"{rate}" / "labels.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("filepath", "label", "split"), *rows])


def draw_test_clip(index: int, targets: dict[int, Path]) -> None:
    """One clip at every rate; the lowest is written last, and says that all are there."""
    frames = list(iterate_frames(FASTEST, index))
    for rate in sorted(targets, reverse=True):
        with VideoWriter(targets[rate], rate, FASTEST.size, crf=23) as writer:
            for frame in frames[:: RATES[-1] // rate]:
                writer.write(frame)


def test(run: Benchmark, rate: int, gap: str | None, seed: int) -> float:
    """Macro mAP at a rate, with the checkpoint's gap or another."""
    work, folder = run.work, run.work / f"seed-{seed}"
    checkpoint = folder / "fit/version_0/checkpoints/best.ckpt"
    common = ["--trainer.enable_progress_bar=false", f"--data.cache_dir={work / 'probed'}"]
    if not checkpoint.exists():
        trained_on = drawn_clips() if run.quick else work / "train"
        words = [
            f"--config={CONFIG}",
            f"--data.source.labels={trained_on / 'labels.csv'}",
            f"--data.source.root={trained_on}",
        ]
        seeds = [f"--seed_everything={seed}", f"--data.seed={seed}", f"--trainer.max_epochs={run.options.epochs}"]
        run.amclip("fit", *words, *seeds, f"--trainer.logger.save_dir={folder / 'fit'}", *common)
    table = folder / f"{rate}-{'trained' if gap is None else 'frame'}.csv"
    if not table.exists():
        words = [f"--ckpt_path={checkpoint}", f"--data.source.labels={work / str(rate) / 'labels.csv'}"]
        words += [f"--data.source.root={work / str(rate)}", f"--predictions.test_path={table}"]
        words += [f"--trainer.logger.save_dir={folder / 'test'}", *common]
        run.amclip("test", *words, *([] if gap is None else [f"--input.flow.gap={gap}"]))
    return macro(table)


def macro(path: Path) -> float:
    """Macro mAP of a table of predictions, by scikit-learn and not by amclip."""
    from sklearn.metrics import average_precision_score

    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    classes = [name for name in rows[0] if name not in ("filepath", "start", "stop", "label", "error")]
    scores = []
    for name in classes:
        truth = [name in row["label"].split(";") for row in rows]
        if any(truth):
            scores.append(float(average_precision_score(truth, [float(row[name]) for row in rows])))
    return statistics.mean(scores)


def write(results: dict[str, dict[int, list[float]]], clips: int, epochs: int, output: Path) -> None:
    """The table."""
    import torch

    count = len([index for index in range(clips) if split_of(index) == "test"])
    seeds = len(results["time"][RATES[0]])
    lines = [
        "# One network, several frame rates",
        "",
        f"Written by `docs/benchmarks/frame_rates.py`: `configs/demo.yaml`, trained for {epochs} epochs on clips of "
        f"{FPS:g} frames/s with `flow_gap: 1/15`, tested on {count} held-out clips. They are drawn once, at "
        f"{RATES[-1]} frames/s, and the lower rates leave frames out: the same motions in the same time. Macro mAP by "
        f"scikit-learn{f', mean of {seeds} seeds and each' if seeds > 1 else ', one seed'}. "
        f"{platform.processor() or platform.machine()}, torch {torch.__version__}.",
        "",
        f"| tested with a flow gap of | {' | '.join(f'{rate} frames/s' for rate in RATES)} | largest difference |",
        "|---|" + "---|" * (len(RATES) + 1),
    ]
    titles = {
        "time": f"1/15 s, as trained ({', '.join(str(gap_in_frames(rate, GAP)) for rate in RATES)} frames)",
        "frame": "one frame of each rate",
    }
    for kind, title in titles.items():
        means = [statistics.mean(results[kind][rate]) for rate in RATES]
        cells = [
            f"{mean:.3f}" + (f" ({', '.join(f'{run:.3f}' for run in results[kind][rate])})" if seeds > 1 else "")
            for mean, rate in zip(means, RATES, strict=True)
        ]
        lines.append(f"| {title} | {' | '.join(cells)} | {max(means) - min(means):.3f} |")
    lines += [
        "",
        "A gap counted in frames covers half the time at twice the rate: flow shrinks with it, and a slow animal at 15 "
        "frames/s looks like a fast one at 60. A gap in seconds shows the network what it was trained on.",
        "",
    ]
    output.write_text("\n".join(lines))


def main() -> None:
    """Draw, train, test, write."""
    global RATES, FASTEST
    parser = new_parser(__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/frame_rates"), help="folder for clips and runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--clips", type=int, default=500)
    parser.add_argument("--epochs", type=int, default=10)
    run = Benchmark(parser, __file__)
    options = run.options
    if run.quick:
        options.clips, options.epochs = 36, 1
        RATES, FASTEST = (60,), ClipSettings(STREAM, 1.4, (48, 64), 60)
    draw(options.clips, run.work, run.quick)
    results: dict[str, dict[int, list[float]]] = {kind: {rate: [] for rate in RATES} for kind in ("time", "frame")}
    for seed in options.seeds:
        for kind, by_rate in results.items():
            for rate, scores in by_rate.items():
                with run.section(f"seed {seed}, {rate} frames/s, gap by {kind}") as lines:
                    scores.append(test(run, rate, f"1/{rate}" if kind == "frame" else None, seed))
                    lines.append(f"macro {scores[-1]:.3f}")
    with run.section("The page"):
        write(results, options.clips, options.epochs, run.output)
        print(json.dumps(results))
    run.close()


if __name__ == "__main__":
    main()
