"""Time and accuracy of TV-L1's CPU backends, side by side in one run; writes flow_cpu.md beside itself.

    python docs/benchmarks/flow_cpu.py [FOLDER] [--output flow_cpu.md]

FOLDER may hold pairs with known flow: NAME_1.png, NAME_2.png (or .tif; or NAME-img0.ppm, NAME-img1.ppm) and
NAME_gt.flo, NAME-gt.flo or NAME_gt.npy (H × W × 2), with NAME_valid.npy (H × W) where flow is known only in places.
Without it, only drawn pairs are timed. Every cell is the least of several repeats, one thread, and backends take turns.
"""

import argparse
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from amclip.flow import TVL1, end_point_error, read_flo

BACKENDS = ("numba", "opencv", "reference")
PRESETS = ("fast", "default", "opencv")
LINKS = (("_", "_1", "_2"), ("-", "-img0", "-img1"))


@dataclass
class Pair:
    name: str
    images: Tensor  # uint8 (1, 2, 1, H, W)
    truth: Tensor | None = None  # (1, 2, H, W)
    valid: Tensor | None = None  # (1, H, W)


def drawn_pair(side: int, motion: tuple[float, float] = (3.2, -1.7)) -> Pair:
    """A sum of random waves and the same moved: the flow is known exactly."""
    generator = np.random.default_rng(0)
    period = 5 * 2 ** generator.uniform(0, 4, 60)
    angle, phase = generator.uniform(0, 2 * np.pi, (2, 60))
    y, x = np.mgrid[:side, :side]

    def sample(right: float, down: float) -> np.ndarray:
        along = np.cos(angle) * (x[..., None] - right) + np.sin(angle) * (y[..., None] - down)
        return 127.5 + 12 * (np.sqrt(period) / 4 * np.cos(2 * np.pi / period * along + phase)).sum(-1)

    images = np.stack([sample(0, 0), sample(*motion)]).round().clip(0, 255).astype(np.uint8)
    truth = torch.tensor(motion).view(1, 2, 1, 1).expand(1, 2, side, side)
    return Pair(f"drawn {side} × {side}", torch.from_numpy(images)[None, :, None], truth)


def read_pairs(folder: Path) -> list[Pair]:
    pairs = []
    for truth_path in sorted([*folder.glob("*gt.flo"), *folder.glob("*gt.npy")]):
        for link, first, second in LINKS:
            name = truth_path.name.removesuffix(truth_path.suffix).removesuffix(f"{link}gt")
            paths = [next(iter(sorted(folder.glob(f"{name}{end}.*"))), None) for end in (first, second)]
            if None in paths:
                continue
            images = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in paths]
            known = truth_path.suffix == ".flo"
            truth = read_flo(truth_path) if known else torch.from_numpy(np.load(truth_path)).movedim(-1, 0).float()
            mask = folder / f"{name}_valid.npy"
            valid = torch.from_numpy(np.load(mask)).bool() if mask.exists() else (truth.abs() < 1e9).all(0)
            pairs.append(Pair(name, torch.from_numpy(np.stack(images))[None, :, None], truth[None], valid[None]))
            break
    return pairs


def least(task: Callable[[], Tensor], seconds: float) -> tuple[float, Tensor]:
    """Least time of as many calls as fit into ``seconds`` (at least one, at most five), and the result."""
    best, result, end = np.inf, torch.empty(0), time.perf_counter() + seconds
    for _ in range(5):
        start = time.perf_counter()
        result = task()
        best = min(best, time.perf_counter() - start)
        if time.perf_counter() > end:
            break
    return best, result


def measure(pair: Pair) -> list[str]:
    lines = []
    for preset in PRESETS:
        rows = {}
        for backend in BACKENDS:
            if (backend, preset) == ("reference", "opencv") and pair.images.shape[-1] > 100:
                continue  # minutes
            method = TVL1.preset(preset, backend)
            rows[backend] = least(partial(method, pair.images), 1.5)
        for backend, (seconds, flow) in rows.items():
            error = "" if pair.truth is None else f"{end_point_error(flow, pair.truth, pair.valid):.3f}"
            ratio = rows["opencv"][0] / seconds
            apart = f"{end_point_error(flow, rows['opencv'][1]):.4f}"
            lines.append(
                f"| {pair.name} | {preset} | {backend} | {1e3 * seconds:.1f} | {ratio:.1f} | {error} | {apart} |"
            )
    return lines


def batches() -> list[str]:
    lines = []
    for side in (64, 96, 224):
        images = drawn_pair(side).images.expand(16, -1, -1, -1, -1).contiguous()
        for preset in PRESETS:
            method = TVL1.preset(preset, "numba")
            cells = []
            for threads in (1, 2):
                torch.set_num_threads(threads)
                cells.append(f"{1e3 * least(partial(method, images), 2)[0] / 16:.2f}")
            torch.set_num_threads(1)
            lines.append(f"| {side} × {side} | {preset} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for preset in PRESETS:  # compiled and loaded before the clock runs
        TVL1.preset(preset)(drawn_pair(32).images)
    pairs = [drawn_pair(96), drawn_pair(224), *(read_pairs(arguments.folder) if arguments.folder else [])]
    packages = f"torch {torch.__version__}, numba {version('numba')}, OpenCV {cv2.__version__}"
    text = [
        "# TV-L1 on the CPU",
        "",
        f"Written by `docs/benchmarks/flow_cpu.py` on {processor()}, Python {platform.python_version()}, {packages}.",
        "",
        "## One pair, one thread",
        "",
        "Times in milliseconds; *faster* is OpenCV's time over this one in the same run; EPE is the mean end-point",
        "error in pixels against the known flow; *apart* is the mean distance from OpenCV's flow in pixels.",
        "",
        "| pair | preset | backend | ms | faster | EPE | apart |",
        "|---|---|---|---|---|---|---|",
        *(line for pair in pairs for line in measure(pair)),
        "",
        "## Batches of 16 drawn pairs, numba, milliseconds per pair",
        "",
        "| size | preset | 1 thread | 2 threads |",
        "|---|---|---|---|",
        *batches(),
    ]
    arguments.output.write_text("\n".join(text) + "\n")
    print(arguments.output.read_text())


def processor() -> str:
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return f"{len(names)} × {names[0]}" if names else platform.machine()


if __name__ == "__main__":
    main()
