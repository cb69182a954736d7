"""Frames, flow, or both: the demo's network on the demo's clips, three seeds each, side by side in one run.

    python docs/benchmarks/demo_modalities.py [--quick]

Trains `configs/demo.yaml` with nothing changed but what is fed, how both are joined, and the seed, tests the best
checkpoint on the held-out clips, and writes `demo_modalities.md` and `demo_modalities.png` beside this file. *late* is
the demo as it is: frames and flow, each behind a temporal transformer of its own. *interleaved* is the paper's: one
sequence in time. A run that was cut off goes on where it stopped; `--fed late flow` trains a part.
"""

import csv
import json
import platform
import shutil
import statistics
from pathlib import Path

from sections import Benchmark, drawn_clips, new_parser

HERE = Path(__file__).parent
CONFIG = HERE.parents[1] / "configs/demo.yaml"
FED = {
    "late": [],
    "flow": ["--input.modality=flow"],
    "frames": ["--input.modality=frames"],
    "interleaved": ["--model.network.fusion.kind=interleaved"],
}
COLOURS = {"late": "#1b7837", "flow": "#2166ac", "frames": "#999999", "interleaved": "#7fbf7b"}


def train_and_test(run: Benchmark, fed: str, seed: int) -> dict[str, float]:
    """Macro mAP, micro mAP and per-class AP of one run."""
    work, folder = run.work, run.work / f"{fed}-{seed}"
    scores = folder / "scores.json"
    if scores.exists():
        return json.loads(scores.read_text())
    shutil.rmtree(folder, ignore_errors=True)  # of a training that was cut off
    common = [
        f"--data.source.root={drawn_clips() if run.quick else work / 'data'}",
        f"--trainer.logger.save_dir={folder}",
        "--trainer.enable_progress_bar=false",
    ]
    if run.quick:
        common += [f"--data.source.labels={drawn_clips() / 'labels.csv'}", "--data.source.synthetic_clips=0"]
    seeds = [f"--seed_everything={seed}", f"--data.seed={seed}"]
    run.amclip("fit", f"--config={CONFIG}", *FED[fed], *seeds, *common)
    predictions = folder / "test.csv"
    checkpoint = folder / "version_0/checkpoints/best.ckpt"
    run.amclip("test", f"--ckpt_path={checkpoint}", f"--predictions.test_path={predictions}", *common)
    result = score(predictions)
    scores.write_text(json.dumps(result))
    return result


def score(path: Path) -> dict[str, float]:
    """Average precision of a table of predictions, by scikit-learn and not by amclip."""
    from sklearn.metrics import average_precision_score

    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    classes = [name for name in rows[0] if name not in ("filepath", "start", "stop", "label", "error")]
    truth = [[int(name in row["label"].split(";")) for name in classes] for row in rows]
    values = [[float(row[name]) for name in classes] for row in rows]
    per_class = {
        name: float(average_precision_score([t[i] for t in truth], [v[i] for v in values]))
        for i, name in enumerate(classes)
    }
    flat_truth, flat_values = ([x for row in table for x in row] for table in (truth, values))
    micro = average_precision_score(flat_truth, flat_values)
    return {"macro": statistics.mean(per_class.values()), "micro": float(micro), "clips": len(rows), **per_class}


def write(results: dict[str, list[dict[str, float]]], seeds: list[int], output: Path) -> None:
    """The table and the picture."""
    import torch

    classes = [key for key in next(iter(results.values()))[0] if key not in ("macro", "micro", "clips")]
    clips = int(next(iter(results.values()))[0]["clips"])
    lines = [
        "# Frames, flow, or both",
        "",
        f"Written by `docs/benchmarks/demo_modalities.py`: `configs/demo.yaml` on its {clips} held-out clips, with "
        f"seeds {', '.join(map(str, seeds))} (first weights, order, positions, augmentation; the clips stay the same). "
        "Average precision by scikit-learn; mean ± standard deviation over seeds. "
        f"{platform.processor() or platform.machine()}, torch {torch.__version__}.",
        "",
        "| fed to the network | mAP macro | mAP micro | each seed's macro |",
        "|---|---|---|---|",
    ]
    for name, runs in results.items():
        macro, micro = ([run[key] for run in runs] for key in ("macro", "micro"))
        each = ", ".join(f"{value:.3f}" for value in macro)
        lines.append(f"| {name} | {spread(macro)} | {spread(micro)} | {each} |")
    lines += ["", "Average precision by behaviour, mean over seeds:", "", f"| behaviour | {' | '.join(results)} |"]
    lines.append("|---|" + "---|" * len(results))
    for label in classes:
        means = [statistics.mean(run[label] for run in runs) for runs in results.values()]
        lines.append(f"| {label} | {' | '.join(f'{value:.3f}' for value in means)} |")
    output.write_text("\n".join([*lines, "", "![by behaviour](demo_modalities.png)", ""]))
    draw(results, classes, output.with_suffix(".png"))


def spread(values: list[float]) -> str:
    return f"{statistics.mean(values):.3f} ± {statistics.pstdev(values):.3f}"


def draw(results: dict[str, list[dict[str, float]]], classes: list[str], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    for offset, (name, runs) in enumerate(results.items()):
        for y, label in enumerate([*classes, "macro"]):
            values = [run[label] for run in runs]
            place = y + 0.2 * (offset - (len(results) - 1) / 2)
            axis.plot(
                values, [place] * len(values), "o", color=COLOURS[name], alpha=0.7, ms=5, label=name if y == 0 else None
            )
    axis.set_yticks(range(len(classes) + 1), [*classes, "mean (macro)"])
    axis.axhline(len(classes) - 0.5, color="#cccccc", lw=1)
    axis.invert_yaxis()
    axis.set_xlim(0, 1.02)
    axis.set_xlabel("average precision on held-out clips, a dot per seed")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, loc="lower left")
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/demo_modalities"), help="folder for clips and runs")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--fed", choices=list(FED), nargs="+", default=list(FED))
    run = Benchmark(parser, __file__)
    seeds = [0] if run.quick else run.options.seeds
    fed = ["late", "frames"] if run.quick else run.options.fed
    results: dict[str, list[dict[str, float]]] = {name: [] for name in fed}
    for seed in seeds:
        for name in fed:
            with run.section(f"{name}, seed {seed}") as lines:
                results[name].append(train_and_test(run, name, seed))
                lines.append(f"macro {results[name][-1]['macro']:.3f}")
    with run.section("Table and picture"):
        write(results, seeds, run.output)
    run.close()


if __name__ == "__main__":
    main()
