"""Labels that `amclip suggest` and random choice need for the same macro mAP, on the generated animals.

    python docs/benchmarks/suggest.py [--work FOLDER] [--quick]

A frozen network and a linear head stand for a training, so that many rounds can be run: each clip is embedded once by
the demo's pretrained tower (frames and flow images of eight positions, their mean and spread), and a logistic
regression per behaviour is fitted on the clips labelled so far. Rounds begin with 20 random clips; each adds 20, by
`amclip.suggest.choose_windows` or at random. Two pools: as drawn, and with three behaviours made rare.
"""

import statistics
from math import inf
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from sections import Benchmark, new_parser

from amclip.data.synthetic import BEHAVIOURS, ClipSettings, draw_clip
from amclip.inputs import FlowInput, NetworkInput
from amclip.models.config import TuningConfig
from amclip.models.encoder import ImageEncoder
from amclip.models.pretrained import describe_backbone, load_pretrained
from amclip.preprocess import Preprocess
from amclip.suggest.choose import choose_windows

POOL, TEST, STEP, ROUNDS, SEEDS = 400, 160, 20, 10, tuple(range(10))
HELD = 80  # of the test clips: those behind are scored, those before were looked at when the way was chosen
RARE, KEPT = ("rearing", "settling", "tail flicking"), 0.15
SECONDS, POSITIONS, SIZE = 2.0, 8, (64, 64)


def embed(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings ``[N, 4 D]`` and labels ``[N, C]`` of drawn clips."""
    torch.set_num_threads(1)
    architecture = describe_backbone("amclip-tiny", "synthetic", SIZE[0])
    encoder = ImageEncoder(architecture, TuningConfig(trainable_blocks=0))
    encoder.load_clip(load_pretrained("amclip-tiny", "synthetic", architecture).visual)
    constants = {"mean": architecture["mean"], "std": architecture["std"]}
    flow = FlowInput(preset="fast", image="uvm", bound=3.0)
    preprocess = Preprocess(NetworkInput(image_size=SIZE[0], flow=flow, **constants))
    encoder.eval()
    features, labels = [], []
    for index in range(count):
        frames, bouts = draw_clip(ClipSettings(seed, SECONDS, SIZE), index)
        at = ((np.arange(POSITIONS) + 0.5) / POSITIONS * (len(frames) - 1)).astype(int)
        pairs = torch.from_numpy(np.stack([frames[at], frames[at + 1]], axis=1)).movedim(-1, 2)
        with torch.inference_mode():
            images = preprocess(pairs[None]).images[0]  # (K, 2, 3, S, S)
            found = encoder(images.flatten(0, 1)).view(POSITIONS, -1)
        features.append(torch.cat([found.mean(0), found.std(0)]).numpy())
        labels.append([any(bout.behaviour == name for bout in bouts) for name in BEHAVIOURS])
        if index % 50 == 0:
            print(f"embedded {index} of {count}", flush=True)
    return np.array(features, np.float32), np.array(labels)


def fit(features: np.ndarray, labels: np.ndarray) -> list[object]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    heads: list[object] = []
    for column in labels.T:
        if column.all() or not column.any():
            heads.append(float(column.mean()))
        else:
            heads.append(
                make_pipeline(StandardScaler(), LogisticRegression(C=0.02, max_iter=500)).fit(features, column)
            )
    return heads


def predict(heads: list[object], features: np.ndarray) -> np.ndarray:
    columns = [
        np.full(len(features), head) if isinstance(head, float) else head.predict_proba(features)[:, 1]  # type: ignore[attr-defined]
        for head in heads
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def macro(values: np.ndarray, labels: np.ndarray) -> float:
    from sklearn.metrics import average_precision_score

    return 100 * statistics.mean(
        average_precision_score(labels[:, c], values[:, c]) for c in range(labels.shape[1]) if labels[:, c].any()
    )


def run(pool: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], seed: int, way: str) -> list[float]:
    """Macro mAP on the test clips after each round."""
    rng = np.random.default_rng(seed)
    features, labels = pool
    known = rng.permutation(len(features))[:STEP].tolist()
    curve = []
    for _ in range(ROUNDS):
        heads = fit(features[known], labels[known])
        curve.append(macro(predict(heads, test[0]), test[1]))
        rest = np.setdiff1d(np.arange(len(features)), known)
        if way == "random":
            known += rng.choice(rest, STEP, replace=False).tolist()
        else:
            known += rest[choose_windows(features[rest], predict(heads, features[rest]), STEP, seed)].tolist()
    return curve


def needed(curve: list[float], target: float) -> float:
    """Labels at which the curve first reaches the target, by straight lines between rounds; infinite if it does not."""
    for index, value in enumerate(curve):
        if value >= target:
            before = curve[index - 1] if index else value
            part = 1.0 if value == before else (target - before) / (value - before)
            return STEP * (index + part) if index else STEP
    return inf


def _median(counts: list[float]) -> str:
    value = statistics.median(counts)
    return f"more than {STEP * ROUNDS}" if value == inf else f"{value:.0f}"


def main() -> None:
    global POOL, TEST, HELD, STEP, ROUNDS
    parser = new_parser(__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/suggest"))
    benchmark = Benchmark(parser, __file__)
    seeds, labels_told, needed_told = SEEDS, (40, 60, 100, 200), (100, 200)
    if benchmark.quick:
        POOL, TEST, HELD, STEP, ROUNDS = 40, 16, 8, 6, 2
        seeds, labels_told, needed_told = (0, 1), (6, 12), (12,)
    cache = benchmark.work / "embeddings.npz"
    if not cache.exists():
        features, labels = embed(POOL + TEST, 11)
        np.savez(cache, features=features, labels=labels)
    kept = np.load(cache)
    features, labels = kept["features"], kept["labels"]
    test = features[POOL + HELD :], labels[POOL + HELD :]
    drawn = features[:POOL], labels[:POOL]
    rare = labels[:POOL][:, [BEHAVIOURS.index(name) for name in RARE]].any(axis=1)
    few = ~rare | (np.random.default_rng(0).random(POOL) < KEPT)
    pools = {"as drawn": drawn, "three behaviours rare": (drawn[0][few], drawn[1][few])}
    with benchmark.section("Both pools"):
        figure, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
        rounds, tables = [], []
        for axis, (name, pool) in zip(axes, pools.items(), strict=True):
            curves = {way: [run(pool, test, seed, way) for seed in seeds] for way in ("random", "suggest")}
            counts = np.arange(1, ROUNDS + 1) * STEP
            for way, colour in (("random", "0.45"), ("suggest", "C0")):
                mean = np.mean(curves[way], axis=0)
                axis.plot(counts, mean, color=colour, label=way)
                for curve in curves[way]:
                    axis.plot(counts, curve, color=colour, alpha=0.35, linewidth=0.8)
            axis.set(title=f"{name} ({len(pool[0])} clips)", xlabel="labelled clips")
            for label in labels_told:
                at = {way: np.array([curve[label // STEP - 1] for curve in curves[way]]) for way in curves}
                more = at["suggest"] - at["random"]
                cells = [f"{at[way].mean():.1f} ± {at[way].std(ddof=1):.1f}" for way in ("random", "suggest")]
                rounds.append(f"| {name} | {label} | {' | '.join(cells)} | {more.mean():+.1f}; {(more > 0).sum()} |")
            for label in needed_told:
                pairs = list(zip(curves["random"], curves["suggest"], strict=True))
                counts_needed = [needed(asked, chance[label // STEP - 1]) for chance, asked in pairs]
                said = ", ".join("–" if count == inf else f"{count:.0f}" for count in counts_needed)
                tables.append(f"| {name} | {label} | {said} | {_median(counts_needed)} |")
        axes[0].set_ylabel("macro mAP on test clips (%)")
        axes[0].legend()
        figure.savefig(benchmark.output.with_suffix(".png"), dpi=110)
        sizes = [int(pool[1][:, [BEHAVIOURS.index(n) for n in RARE]].sum()) for pool in pools.values()]
        benchmark.write(TEXT.format(rounds="\n".join(rounds), tables="\n".join(tables), sizes=sizes, test=TEST - HELD))
    benchmark.close()


TEXT = """# What to label next: `amclip suggest` against random choice

Written by `docs/benchmarks/suggest.py`. No network is trained here: clips of the generated animals (2 s, nine
behaviours) are embedded once by the demo's pretrained tower, and a logistic regression per behaviour learns from the
clips labelled so far. Rounds begin with 20 random clips and add 20, chosen by `amclip suggest` with the heads fitted so
far, or at random. Two pools: as drawn, and with rearing, settling and tail flicking made rare ({sizes[0]} and
{sizes[1]} labels of these three). {test} test clips, as drawn.

The way of choosing was itself chosen among fifteen, on five other seeds and other test clips, but with the same pools.
The first one tried, the seeding of k-means++ weighted by plain entropy, did worse than random choice: it takes what is
far from everything, and forgets rare behaviours.

![Macro mAP against labelled clips](suggest.png)

Labels that `suggest` needs for the macro mAP that random choice reaches with 100 and with 200 labels, seed by seed (ten
seeds, which choose the first 20 clips too; –: not with 200):

| pool | random | suggest | median |
|---|---|---|---|
{tables}

Macro mAP (%) with equally many labels, mean and standard deviation over the seeds:

| pool | labels | random | suggest | difference; seeds in which it is above 0 |
|---|---|---|---|---|
{rounds}

"""

if __name__ == "__main__":
    main()
