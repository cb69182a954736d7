"""How far pixels decoded and scaled by way of torchcodec are from the CPU's; writes gpu_pixels.md.

    python docs/benchmarks/gpu_pixels.py [VIDEO|FOLDER ...] [--device cuda:0] [--output gpu_pixels.md]
    python docs/benchmarks/gpu_pixels.py --quick      two clips, on the CPU

The same frames of each video are read by PyAV, as by default, and by torchcodec, as `--decoder gpu` has it, at the size
that a network sees, with each of PyTorch's filters. Default: the small real clips of the tests. Differences are grey
levels of 256: the mean of all pixels without their sign, and the mean of each colour with it, a tint. `--device cpu`
has torchcodec decode by FFmpeg: the same scaling behind another decoder.
"""

import datetime
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from sections import Benchmark, new_parser

from amclip.data import gpu_reader
from amclip.data.find import list_videos
from amclip.data.gpu_reader import GpuDecodingError, why_no_torchcodec
from amclip.data.video import Video

CLIPS = Path(__file__).parents[2] / "tests" / "data" / "clips"
FILTERS = ("bicubic", "bilinear")
FRAMES = 8


def compare(
    path: Path, size: tuple[int, int] | None, device: str, some: Sequence[int]
) -> dict[str, tuple[float, list[float]]]:
    """Of each filter the mean difference without its sign, and of each colour the mean with it, in grey levels."""
    with Video(path, size) as video:
        right = video.read_array(some).astype(np.float32)
    found = {}
    for name in FILTERS:
        with patch.object(gpu_reader, "_FILTER", name), Video(path, size, decode_on=device) as video:
            apart = video.read_array(some) - right
        found[name] = float(np.abs(apart).mean()), apart.mean(axis=(0, 1, 2)).tolist()
    return found


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("videos", nargs="*", type=Path)
    parser.add_argument("--device", default="cuda:0" if torch.cuda.is_available() else "cpu")
    run = Benchmark(parser, __file__)
    device, sizes = run.options.device, ((112, 112), (224, 224), (336, 336))
    if run.quick:
        device, sizes = "cpu", ((36, 36),)
    if why := why_no_torchcodec():
        if not run.quick:
            sys.exit(why)
        print(f"Nothing is measured: {why}")
        return
    if run.options.videos:
        videos = [video for path in run.options.videos for video in (list_videos(path) if path.is_dir() else [path])]
    else:
        videos = sorted(CLIPS.glob("*.[mM][pP]4"))
    run.head(
        f"""# Pixels decoded on a GPU beside the CPU's

Written by `docs/benchmarks/gpu_pixels.py`, {datetime.date.today()}: torchcodec {version("torchcodec")} on `{device}`,
PyTorch {torch.__version__}, beside PyAV {version("av")}. {FRAMES} frames of each video; grey levels of 256."""
    )
    with run.section("Difference") as lines:
        lines += ["| video | pixels | scaled to | filter | mean | red | green | blue |", "|---" * 8 + "|"]
        for path in videos[: 2 if run.quick else None]:
            try:
                with Video(path) as video:
                    shown = f"{video.width} × {video.height}"
                    some = np.unique(np.linspace(0, video.num_frames - 1, FRAMES).astype(int)).tolist()
                for size in (None, *sizes):
                    found = compare(path, size, device, some)
                    for name in FILTERS if size else FILTERS[:1]:
                        mean, colours = found[name]
                        tint = " | ".join(f"{colour:+.2f}" for colour in colours)
                        to = f"{size[1]} × {size[0]}" if size else "not scaled"
                        lines.append(f"| {path.name} | {shown} | {to} | {name if size else ''} | {mean:.2f} | {tint} |")
                        run.figures[f"{path.name}, {to}, {name}"] = mean
            except GpuDecodingError as error:
                lines.append(f"| {path.name} | {shown} | | left to the CPU: {error.reason} | | | | |")
    with run.section("Over all of them, scaled") as lines:
        for name in FILTERS:
            means = [mean for key, mean in run.figures.items() if key.endswith(name) and "not scaled" not in key]
            words = f"{np.mean(means):.2f} in the mean, {min(means):.2f} to {max(means):.2f}"
            lines.append(f"- {name}: {words}")
    run.close()


if __name__ == "__main__":
    main()
