"""Time to probe videos and to decode clips of them as in training; writes decoding.md.

    python docs/benchmarks/decoding.py VIDEO|FOLDER ... [--seconds 2] [--output decoding.md]
    python docs/benchmarks/decoding.py --quick      a small file, written here

One core. A clip is SECONDS long, or the whole video where that is shorter; of each, 16 positions with their flow
partners are decoded at 224 × 224, at random places as in training. Medians over clips; the first reading of each video,
which brings it into the system's cache, does not count.
"""

import platform
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "data"))

from numbered_files import CASES
from sections import Benchmark, new_parser

from amclip.data.dataset import ClipDataset
from amclip.data.find import list_videos
from amclip.data.probe import probe
from amclip.data.table import Clip, LabelTable
from amclip.data.video import VideoInfo
from amclip.inputs import NetworkInput


def measure(video: Path, seconds: float) -> str:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        info = probe([video], progress=False)[video]
        times.append(time.perf_counter() - start)
    if not isinstance(info, VideoInfo):
        return f"| {video.name} | {info.reason} | | | |"
    length = min(seconds, info.duration)
    starts = [(info.duration - length) * k / 7 for k in range(8)]
    clips = tuple(Clip(str(video.resolve()), start, start + length, ()) for start in starts)
    dataset = ClipDataset(
        LabelTable(clips, (), "benchmark"),
        Path(),
        {video.resolve(): info},
        NetworkInput(frame_size=(224, 224)),
        training=True,
    )
    taken = []
    for epoch in range(4):
        for row in range(len(clips)):
            start = time.process_time()
            dataset[row, epoch]
            taken.append(time.process_time() - start)
    clip = statistics.median(taken[len(clips) :])
    what = f"{info.width} × {info.height}, {info.fps:.3g} frames/s, {info.duration:.0f} s"
    return f"| {video.name} | {what} | {length:.1f} | {1e3 * statistics.median(times):.0f} | {1e3 * clip:.0f} |"


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("videos", type=Path, nargs="*")
    parser.add_argument("--seconds", type=float, default=2.0)
    run = Benchmark(parser, __file__, needs=["videos"])
    torch.set_num_threads(1)
    if run.quick:
        run.options.videos = [run.work / "drawn.mp4"]
        CASES["h264_bframes.mp4"](run.options.videos[0])
    run.head(
        f"""# Reading videos

Written by `docs/benchmarks/decoding.py`: 16 positions with their flow partners at 224 × 224, one core of
{platform.machine()}, PyAV {version("av")}. A clip in milliseconds of processor time. Probing starts
a process each time, by the clock; in a data set many videos share one."""
    )
    for given in run.options.videos:
        with run.section(str(given.name)) as lines:
            lines += ["| video | | clip, s | probing, ms | a clip, ms |", "|---|---|---|---|---|"]
            videos = list_videos(given) if given.is_dir() else [given]
            lines += [measure(video, run.options.seconds) for video in videos]
    run.close()


if __name__ == "__main__":
    main()
