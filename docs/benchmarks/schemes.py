"""The sampling schemes drawn, and what a clip costs in each: frames decoded, flow pairs, images embedded, all counted.

    python docs/benchmarks/schemes.py [--quick]

A drawn video goes through amclip's own data set, preprocessing and network, with a counter at each. Writes `schemes.md`
and `schemes.png` beside this file.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sections import Benchmark, new_parser

from amclip.data.dataset import ClipDataset
from amclip.data.synthetic import ClipSettings, iterate_frames
from amclip.data.table import Clip, LabelTable
from amclip.data.video import Video
from amclip.data.writer import VideoWriter
from amclip.inputs import FlowInput, NetworkInput
from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import NetworkConfig, TemporalConfig
from amclip.preprocess import Preprocess
from amclip.sampling import Scheme, num_positions, sample_positions, segment_indices

SEGMENTS, POSITIONS, SECONDS, FPS, SIDE = 4, 8, 8.0, 15.0, 64
LAYOUTS: tuple[tuple[Scheme, float], ...] = (
    ("dense", 0.0),
    ("dense", 0.5),
    ("semi-dense", 0.0),
    ("semi-dense", 0.5),
    ("sparse", 0.0),
)


def count(video: Path, scheme: Scheme, overlap: float, cross_frame: bool) -> dict[str, int]:
    """What one clip costs, counted where it is spent, and what the network says beforehand."""
    table = LabelTable((Clip(video.name),), ("any",), "drawn")
    flow = FlowInput(preset="fast")
    seen = NetworkInput(scheme, SEGMENTS, POSITIONS, overlap, frame_size=(72, 72), image_size=SIDE, flow=flow)
    dataset = ClipDataset(table, video.parent, {}, seen)
    preprocess = Preprocess(seen)
    config = NetworkConfig("amclip-tiny", cross_frame=cross_frame, temporal=TemporalConfig(heads=4))
    network = InterleavedClassifier(config.with_architecture(SIDE), 1, SEGMENTS, POSITIONS, 2).eval()
    spent = {"decoded": 0, "pairs": 0, "embedded": 0}

    def counter(name: str) -> Any:
        def hook(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
            spent[name] += len(inputs[0])

        return hook

    preprocess.flow.register_forward_hook(counter("pairs"))
    network.encoder.register_forward_hook(counter("embedded"))
    read = Video.read

    def reading(self: Video, indices: Any) -> torch.Tensor:
        spent["decoded"] += len(np.unique(np.asarray(indices)))
        return read(self, indices)

    Video.read = reading  # type: ignore[method-assign]
    try:
        sample = dataset[0]
    finally:
        Video.read = read  # type: ignore[method-assign]
    with torch.inference_mode():
        network(preprocess(sample["frames"][None]).images, sample["segments"][None])
    return spent | {"said": network.images_per_clip(dataset.num_positions)}


def draw(path: Path) -> None:
    """A panel per layout: the frames that are sampled, and which of them each segment sees."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    figure = Figure(figsize=(11, 7.6), layout="constrained")
    FigureCanvasAgg(figure)
    colours = ("#1b7837", "#2166ac", "#b35806", "#762a83")
    for axis, (scheme, overlap) in zip(figure.subplots(len(LAYOUTS), 1), LAYOUTS, strict=True):
        total = num_positions(scheme, SEGMENTS, POSITIONS, overlap)
        count = int(SECONDS * FPS)
        frames, _ = sample_positions(np.arange(count) / FPS, 0.0, count / FPS, total, 1 / FPS)
        times = (frames / FPS).tolist()
        bin_width = SECONDS / total
        for segment, row in enumerate(segment_indices(scheme, SEGMENTS, POSITIONS, overlap).tolist()):
            own = -(-POSITIONS // 2) if scheme == "semi-dense" else POSITIONS
            for place, position in enumerate(row):
                context = place >= own
                axis.add_patch(
                    Rectangle(
                        ((position + 0.08) * bin_width, segment + 0.15),
                        0.84 * bin_width,
                        0.7,
                        facecolor="none" if context else colours[segment],
                        edgecolor=colours[segment],
                        lw=1.2,
                    )
                )
        axis.plot(times, [-0.35] * total, "|", color="#444444", ms=9)
        axis.set_xlim(0, SECONDS)
        axis.set_ylim(SEGMENTS, -0.8)
        axis.set_yticks(np.arange(SEGMENTS) + 0.5, [f"segment {m + 1}" for m in range(SEGMENTS)], fontsize=8)
        axis.tick_params(left=False)
        axis.spines[["top", "right", "left"]].set_visible(False)
        name = f"{scheme}, windows overlap by {overlap:.0%}" if overlap else scheme
        axis.set_title(f"{name}: {total} sampled positions", loc="left", fontsize=10)
        if axis is not figure.axes[-1]:
            axis.set_xticklabels([])
    figure.axes[-1].set_xlabel(
        "seconds; a stroke is a sampled frame, filled: in the segment's own window, open: context"
    )
    figure.savefig(path, dpi=110)


def main() -> None:
    """Draw, count and write."""
    run = Benchmark(new_parser(__doc__), __file__)
    run.head(
        f"""# Sampling schemes

Written by `docs/benchmarks/schemes.py`: {SEGMENTS} segments of {POSITIONS} positions in a clip of {SECONDS:g} s at
{FPS:g} frames/s.

![schemes](schemes.png)"""
    )
    with run.section("Picture"):
        draw(run.output.with_suffix(".png"))
    with run.section("What a clip costs") as lines:
        lines += [
            "With flow images, counted in amclip's own data set, flow method and encoder. *Said* is the number that",
            "`amclip fit` prints.",
            "",
            "| scheme | overlap | frames decoded | flow pairs | images embedded (said) | with `cross_frame` (said) |",
            "|---|---|---|---|---|---|",
        ]
        with tempfile.TemporaryDirectory() as folder:
            video = Path(folder) / "drawn.mp4"
            with VideoWriter(video, FPS, (96, 128)) as writer:
                for frame in iterate_frames(ClipSettings(0, SECONDS, (96, 128), FPS), 0):
                    writer.write(frame)
            for scheme, overlap in LAYOUTS[:: 2 if run.quick else 1]:
                alone, together = (count(video, scheme, overlap, cross_frame) for cross_frame in (False, True))
                lines.append(
                    f"| {scheme} | {overlap:.0%} | {alone['decoded']} | {alone['pairs']} | "
                    f"{alone['embedded']} ({alone['said']}) | {together['embedded']} ({together['said']}) |"
                )
    run.close()


if __name__ == "__main__":
    main()
