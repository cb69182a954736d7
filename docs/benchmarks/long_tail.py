"""What the losses for rare classes and class-aware sampling gain on the tail and cost on the head.

Feature vectors are drawn, not videos: a clip is the sum of the directions of its classes and noise. Nine classes have
1000, 100 and 10 training clips (three each); one clip in five is given another class, drawn by these numbers, and a
tenth more clips show none. A small network is trained on them by each loss. The test set has as many clips of every
class.

    python docs/benchmarks/long_tail.py [--quick]
"""

import statistics

import numpy as np
import torch
from sections import Benchmark, new_parser
from torch import Tensor, nn

from amclip.class_groups import class_groups_by_count
from amclip.data.samplers import ClassAwareSampler
from amclip.losses import BCE, LDAM, Asymmetric, ClassBalanced, Equalization, Focal, Loss
from amclip.metrics import AveragePrecisionScores

COUNTS = [1000] * 3 + [100] * 3 + [10] * 3
DIMENSIONS, NOISE, EPOCHS, BATCH, SEEDS = 32, 1.5, 15, 64, (0, 1, 2)
VARIANTS: dict[str, tuple[Loss, str]] = {
    "bce": (BCE(), "shuffled"),
    "focal": (Focal(), "shuffled"),
    "asymmetric": (Asymmetric(), "shuffled"),
    "class_balanced (beta 0.999)": (ClassBalanced(beta=0.999), "shuffled"),
    "ldam, re-weighted after 0.8": (LDAM(beta=0.999), "shuffled"),
    "equalization (share 0.01)": (Equalization(fraction=0.01), "shuffled"),
    "bce, class-aware sampling": (BCE(), "class-aware"),
}


class Clips:
    """Drawn clips: ``features`` float32 ``(N, DIMENSIONS)``, ``targets`` 0/1 float32 ``(N, C)``."""

    def __init__(self, counts: list[int], directions: np.ndarray, rng: np.random.Generator) -> None:
        classes = len(counts)
        rows = [np.eye(classes)[c] for c, count in enumerate(counts) for _ in range(count)]
        rows += [np.zeros(classes)] * (len(rows) // 10)
        targets = np.array(rows)
        shares = np.array(counts) / sum(counts)
        for row in np.flatnonzero(rng.random(len(targets)) < 0.2):
            if targets[row].any():
                targets[row, rng.choice(classes, p=shares)] = 1
        features = targets @ directions + NOISE * rng.normal(size=(len(targets), DIMENSIONS))
        self.features = torch.tensor(features, dtype=torch.float32)
        self.targets = torch.tensor(targets, dtype=torch.float32)

    def __len__(self) -> int:
        return len(self.targets)


def train(loss: Loss, sampler: str, clips: Clips, seed: int) -> nn.Module:
    """A network of one hidden layer, trained as :class:`amclip.task.BehaviourTask` would: AdamW, LDAM in two phases."""
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(DIMENSIONS, 64), nn.ReLU(), nn.Linear(64, len(COUNTS)))
    counts = clips.targets.sum(dim=0).int().tolist()
    loss.set_counts(counts, len(clips))
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-3)
    aware = ClassAwareSampler(clips, num_replicas=1, rank=0, seed=seed)
    for epoch in range(EPOCHS):
        loss.set_progress(epoch / EPOCHS)
        aware.set_epoch(epoch)
        rows = torch.tensor([row for row, _, _ in aware]) if sampler == "class-aware" else torch.randperm(len(clips))
        for batch in rows.split(BATCH):
            optimizer.zero_grad()
            loss(network(clips.features[batch]), clips.targets[batch]).backward()
            optimizer.step()
    return network.eval()


@torch.no_grad()
def score(network: nn.Module, test: Clips) -> list[float]:
    """Macro mAP, mAP of head, middle and tail, micro mAP, F1 at 0.5; in per cent."""
    log_odds: Tensor = network(test.features)
    scores = AveragePrecisionScores(log_odds, test.targets.long())
    parts = scores.by_class_group(class_groups_by_count(COUNTS))
    f1 = float(scores.f1(torch.zeros(len(COUNTS))).nanmean())
    return [100 * v for v in (scores.macro, *(value for value, _ in parts.values()), scores.micro, f1)]


def main() -> None:
    """Train every variant with every seed, and write the table."""
    global COUNTS, EPOCHS
    run = Benchmark(new_parser(__doc__), __file__)
    seeds = SEEDS
    if run.quick:
        COUNTS, EPOCHS, seeds = [40] * 3 + [20] * 3 + [10] * 3, 2, SEEDS[:2]
    torch.set_num_threads(1)
    lines = ["| | macro | head | middle | tail | micro | F1 at 0.5 |", "|---|---|---|---|---|---|---|"]
    results: dict[str, list[list[float]]] = {}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        directions = rng.normal(size=(len(COUNTS), DIMENSIONS)) / np.sqrt(DIMENSIONS) * 3
        clips, test = Clips(COUNTS, directions, rng), Clips([200] * len(COUNTS), directions, rng)
        for name, (loss, sampler) in VARIANTS.items():
            with run.section(f"{name}, seed {seed}") as said:
                results.setdefault(name, []).append(score(train(loss, sampler, clips, seed), test))
                said.append(", ".join(f"{value:.1f}" for value in results[name][-1]))
    with run.section("Table"):
        for name, runs in results.items():
            cells = [f"{statistics.mean(v):.1f} ± {statistics.stdev(v):.1f}" for v in zip(*runs, strict=True)]
            lines.append(f"| {name} | {' | '.join(cells)} |")
        run.write(TEXT.format(table="\n".join(lines), torch=torch.__version__.split("+")[0]))
    run.close()


TEXT = """# Rare behaviours: losses and sampling on a drawn long tail

Written by `docs/benchmarks/long_tail.py` (PyTorch {torch}, one CPU thread). Feature vectors are drawn, not videos: nine
classes with 1000, 100 and 10 training clips, three each, before one clip in five is given another class, which may be
its own. The test set has as many clips of every class. Average precision and F1 in per cent, mean ± standard deviation
over three seeds, which draw other data too.

{table}

Every loss has its default settings but for those named. This shows what each does under one kind of imbalance, where
all classes are equally hard; on videos, what is rare is often also hard to see.
"""

if __name__ == "__main__":
    main()
