"""What a training sample costs on its way from the file to the network, stage by stage; writes pipeline.md.

    python docs/benchmarks/pipeline.py --work FOLDER [--real FOLDER] [--clips 4] [--repeats 5]
    python docs/benchmarks/pipeline.py --quick

Videos are drawn in the shape of Animal Kingdom's (640 × 360, 30 frames/s, 6 s, H.264, key frames 250 apart): the
synthetic animals, with each frame's number in it, which every reader's frames are checked by. Real clips are those of a
folder; frames are checked against a decoding from end to end. A sample is 16 positions with their flow partners. One
core; processor time, medians over clips and repeats, all readers in turns.

torchcodec is measured where it is installed (pip install torchcodec).
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "data"))

from numbered import draw_number, read_number
from sections import Benchmark, new_parser

from amclip.data import _probe_worker
from amclip.data.dataset import ClipDataset, collate
from amclip.data.find import list_videos
from amclip.data.prepared.encode import encode_video
from amclip.data.prepared.settings import PrepareSettings
from amclip.data.synthetic.clips import iterate_frames
from amclip.data.synthetic.settings import ClipSettings
from amclip.data.table import Clip, LabelTable
from amclip.data.video import Video, VideoInfo, find_frames, info_of
from amclip.inputs import NetworkInput
from amclip.preprocess import Preprocess

INPUT = NetworkInput(frame_size=(224, 224))
Frames = NDArray[np.uint8]
KEYFRAMES = (12, 4, 1)
_ALIKE = 3.0  # grey levels by which two libraries' colours of one frame differ on average at most


def draw(path: Path, index: int, size: tuple[int, int], seconds: float) -> Path:
    """A numbered clip in the shape of Animal Kingdom's."""
    settings = ClipSettings(seconds=seconds, size=size, fps=30)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=30, options={"g": "250", "crf": "23"})
        stream.height, stream.width, stream.pix_fmt = *size, "yuv420p"
        for number, frame in enumerate(iterate_frames(settings, index)):
            drawn, side = draw_number(number, *size), min(size)
            left = (size[1] - side) // 2  # beside the number the animals go on
            frame[:, left : left + side] = drawn[:, left : left + side]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def cost(call: Callable[..., Any], *given: Any) -> tuple[float, Any]:
    """Milliseconds of processor time, and what came of it."""
    started = time.process_time()
    made = call(*given)
    return 1e3 * (time.process_time() - started), made


def decode_and_scale(video: Video, wanted: NDArray[np.int64]) -> tuple[float, float, list[Frames]]:
    """Milliseconds of decoding and of scaling frames, and the frames."""
    reader: Any = video._reader
    pixels, scaling = reader._pixels, [0.0]

    def timed(frame: Any) -> Any:
        milliseconds, made = cost(pixels, frame)
        scaling[0] += milliseconds
        return made

    reader._pixels = timed
    whole, frames = cost(lambda: list(video.read_in_order(wanted)))
    reader._pixels = pixels
    return whole - scaling[0], scaling[0], frames


def sampled(info: VideoInfo, epoch: int) -> NDArray[np.int64]:
    """Frames of a training sample, increasing, each once: what is decoded."""
    clips = ClipDataset(LabelTable((Clip("a"),), (), ""), Path(), {}, INPUT, training=True)
    generator = torch.Generator().manual_seed(epoch)
    frames, partners, _ = clips._positions(_Timed(info), Path("a"), Clip("a"), generator)
    return np.unique(np.concatenate([frames, partners]))


class _Timed:
    """The times of a video that is not open."""

    def __init__(self, info: VideoInfo) -> None:
        self.path, self.fps, self.duration, self.holes = "a", info.fps, info.duration, []
        self.timestamps = lambda: info.times
        self.frame_range = info.frame_range


# ---------------------------------------------------------------- readers: RGB, whole samples

Reader = Callable[[NDArray[np.int64]], Frames]
Size = tuple[int, int] | None  # height and width; None leaves frames as they are


def by_amclip(path: Path, info: VideoInfo, size: Size) -> Reader:
    return Video(path, size, "stretch", info).read_array


def by_pyav(path: Path, info: VideoInfo, size: Size) -> Reader:
    """In one thread from the beginning to the last frame wanted: its own seeking gives key frames alone."""
    scaled = {} if size is None else {"height": size[0], "width": size[1], "interpolation": "BICUBIC"}

    def read(wanted: NDArray[np.int64]) -> Frames:
        asked, found = set(wanted.tolist()), []
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type, stream.thread_count = "NONE", 1
            for number, frame in enumerate(container.decode(stream)):
                if number in asked:
                    found.append(frame.to_ndarray(format="rgb24", **scaled))
                if number >= wanted[-1]:
                    break
        return np.stack(found)

    return read


def by_decord(path: Path, info: VideoInfo, size: Size) -> Reader:
    import decord

    height, width = size or (-1, -1)
    reader = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=1, width=width, height=height)

    def read(wanted: NDArray[np.int64]) -> Frames:
        frames: Frames = reader.get_batch(wanted.tolist()).asnumpy()
        return frames

    return read


def by_torchcodec(path: Path, info: VideoInfo, size: Size) -> Reader:
    from torchcodec.decoders import VideoDecoder
    from torchcodec.transforms import Resize

    scaled = {} if size is None else {"transforms": [Resize(size)]}
    decoder = VideoDecoder(str(path), seek_mode="exact", num_ffmpeg_threads=1, dimension_order="NHWC", **scaled)

    def read(wanted: NDArray[np.int64]) -> Frames:
        frames: Frames = decoder.get_frames_at(indices=wanted.tolist()).data.numpy()
        return frames

    return read


READERS = {"amclip": by_amclip, "PyAV": by_pyav, "decord": by_decord, "torchcodec": by_torchcodec}


def installed() -> dict[str, str]:
    """Versions of the readers that are there."""
    found = {}
    for name, package in {"amclip": "av", "PyAV": "av", "decord": "decord2", "torchcodec": "torchcodec"}.items():
        try:
            found[name] = version(package)
        except PackageNotFoundError:
            print(f"{name} is not installed: pip install {package}")
    return found


def beside_others(paths: Sequence[Path], repeats: int, numbered: bool, size: Size) -> list[str]:
    """Decode the same samples by all readers, in turns; whole frames are checked."""
    taken: dict[str, list[float]] = {name: [] for name in installed()}
    opening: dict[str, list[float]] = {name: [] for name in taken}
    right = dict.fromkeys(taken, 0)
    total = 0
    for name in taken:  # imports, which count for nothing
        READERS[name](paths[0], info_of(Video(paths[0])), size)
    for path in paths:
        with Video(path) as video:
            info = info_of(video)
            unchecked = numbered or size is not None
            truth = [] if unchecked else list(by_pyav(path, info, None)(np.arange(video.num_frames)))
        for epoch in range(repeats):
            wanted = sampled(info, epoch)
            total += len(wanted)
            for name in np.random.default_rng(epoch).permutation(list(taken)).tolist():
                milliseconds, read = cost(READERS[name], path, info, size)
                opening[name].append(milliseconds)
                milliseconds, frames = cost(read, wanted)
                taken[name].append(milliseconds)
                for frame, number in zip(frames, wanted.tolist(), strict=True) if size is None else ():
                    if numbered:
                        right[name] += read_number(frame).number == number
                    else:
                        right[name] += bool(np.abs(frame.astype(int) - truth[number]).mean() < _ALIKE)
    exact = [name for name in taken if size is not None or right[name] == total]
    best = min(exact, key=lambda name: statistics.median(taken[name]))
    lines = [
        f"| reader | version | open, ms | decode a sample, ms | of {best}'s |" + " right frames |" * (size is None)
    ]
    lines.append("|---" * lines[0].count(" |") + "|")
    for name, number in installed().items():
        middle = statistics.median(taken[name])
        ratio = statistics.median(one / other for one, other in zip(taken[name], taken[best], strict=True))
        lines.append(
            f"| {name} | {'PyAV ' * (name == 'amclip')}{number} | {statistics.median(opening[name]):.1f} "
            f"| {middle:.1f} | {ratio:.2f} |" + f" {right[name]} of {total} |" * (size is None)
        )
    return lines


def stages(paths: Sequence[Path], repeats: int) -> list[str]:
    """What each stage of a sample takes."""
    rows: dict[str, list[float]] = {}

    def add(stage: str, milliseconds: float) -> None:
        rows.setdefault(stage, []).append(milliseconds)

    samples = []
    for path in paths:
        request = {"path": str(path), "step": "ends", "timeout": 600.0}
        info = VideoInfo.from_json(_probe_worker.answer(request)["info"])
        data = ClipDataset(LabelTable((Clip(str(path)),), (), ""), Path(), {path: info}, INPUT, training=True)
        for epoch in range(repeats):
            add("probe", cost(_probe_worker.answer, request)[0])
            milliseconds, video = cost(Video, path, INPUT.frame_size, "stretch", info)
            add("open", milliseconds)
            decoding, scaling, _ = decode_and_scale(video, sampled(info, epoch))
            add("decode", decoding)
            add("resize", scaling)
            video.close()
            samples.append(data[0, epoch])
            add("a whole sample", cost(data.__getitem__, (0, epoch))[0])
    for _ in range(repeats):
        add("collate", cost(collate, samples[:8])[0] / len(samples[:8]))
    lines = ["| stage | ms a sample |", "|---|---|"]
    return lines + [f"| {stage} | {statistics.median(values):.1f} |" for stage, values in rows.items()]


def on_the_device(paths: Sequence[Path], repeats: int, modality: str) -> list[str]:
    """What a sample takes once it is in memory, by the clock; what is compiled at first does not count."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    preprocess = Preprocess(replace(INPUT, modality=modality)).to(device)
    clip = Clip(str(paths[0]))
    with Video(paths[0]) as video:
        data = ClipDataset(LabelTable((clip,), (), ""), Path(), {paths[0]: info_of(video)}, preprocess.input)
    sample = collate([data[0]])["frames"]
    taken: dict[str, list[float]] = {"transfer": [], "preprocess": []}
    for _ in range(repeats + 1):
        moments = [time.perf_counter()]
        frames = sample.to(device)
        _finish(device)
        moments.append(time.perf_counter())
        with torch.inference_mode():
            preprocess(frames)
        _finish(device)
        moments.append(time.perf_counter())
        for stage, start, stop in zip(taken, moments[:-1], moments[1:], strict=True):
            taken[stage].append(1e3 * (stop - start))
    lines = [f"On {device.type}, {modality}, by the clock.", "", "| stage | ms a sample |", "|---|---|"]
    return lines + [f"| {stage} | {statistics.median(values[1:]):.1f} |" for stage, values in taken.items()]


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def prepared(paths: Sequence[Path], folder: Path, repeats: int, numbered: bool) -> list[str]:
    """The originals beside prepared videos: a sample read as training does, and its decoding alone."""
    kinds: dict[str, list[Path]] = {"originals": list(paths)}
    encoding = {}
    for keyframes in KEYFRAMES:
        name = f"key frames {keyframes} apart"
        kinds[name] = [folder / f"{keyframes}-{path.stem}.mp4" for path in paths]
        encoding[name] = [
            cost(encode_video, path, made, PrepareSettings(keyframes=keyframes))[0]
            for path, made in zip(paths, kinds[name], strict=True)
        ]
    whole: dict[str, list[float]] = {name: [] for name in kinds}
    decoding: dict[str, list[float]] = {name: [] for name in kinds}
    wrong = 0
    for place, original in enumerate(paths):
        for epoch in range(repeats):
            for name in kinds:
                path = kinds[name][place]
                with Video(path, INPUT.frame_size) as video:
                    info = info_of(video)
                    data = ClipDataset(LabelTable((Clip(str(path)),), (), ""), Path(), {path: info}, INPUT, True)
                    data[0, 99]
                    whole[name].append(cost(data.__getitem__, (0, epoch))[0])
                    wanted = sampled(info, epoch)
                    milliseconds, _, frames = decode_and_scale(video, wanted)
                    decoding[name].append(milliseconds)
                    if numbered:
                        shown = (info.height, info.width)
                        wrong += sum(read_number(f, shown).number != n for f, n in zip(frames, wanted, strict=True))
                    with Video(original) as before:
                        wrong += not np.array_equal(before.timestamps(), info.times)
    size = {name: sum(path.stat().st_size for path in files) for name, files in kinds.items()}
    one, other = statistics.median(decoding["originals"]), statistics.median(whole["originals"])
    lines = ["| | decode, ms | faster | a whole sample, ms | faster | bytes | encoding a clip, s |"]
    lines.append("|---|---|---|---|---|---|---|")
    for name in kinds:
        first, second = statistics.median(decoding[name]), statistics.median(whole[name])
        took = f"{statistics.median(encoding[name]) / 1e3:.2f}" if name in encoding else ""
        lines.append(
            f"| {name} | {first:.1f} | {one / first:.1f} × | {second:.1f} | {other / second:.1f} × "
            f"| {size[name] / size['originals']:.2f} × | {took} |"
        )
    return [*lines, "", f"Frames or times that are others: {wrong}."]


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs/pipeline"), help="where videos are drawn")
    parser.add_argument("--real", type=Path, help="a folder of real clips")
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--load", default="", help="what else the machine does, for the page")
    run = Benchmark(parser, __file__)
    torch.set_num_threads(1)
    options = run.options
    clips, repeats, size, seconds = options.clips, options.repeats, (360, 640), 6.0
    if run.quick:
        clips, repeats, size, seconds = 1, 1, (72, 128), 1.4
    drawn = [draw(run.work / f"drawn-{index}.mp4", index, size, seconds) for index in range(clips)]
    real = []
    if options.real is not None:
        real = [path for path in list_videos(options.real) if 20 <= len(find_frames(path)) <= 1000][:8]
    run.head(
        f"""# From the file to the network

Written by `docs/benchmarks/pipeline.py`: a sample is 16 positions with their flow partners. {clips} drawn clips of
{size[1]} × {size[0]} pixels, 30 frames/s, {seconds:g} s, H.264, key frames 250 apart, and {len(real)} real ones.
Milliseconds of processor time on one core, medians; compare them within a table alone. {options.load}"""
    )
    for name, paths in (("drawn clips", drawn), ("real clips", real)):
        if not paths:
            continue
        numbered = paths is drawn
        with run.section(f"Stages: {name}") as lines:
            lines += stages(paths, repeats)
        with run.section(f"Decoding beside other libraries: {name}") as lines:
            lines += ["Whole frames in RGB, one thread, exact seeking; every frame is checked.", ""]
            lines += beside_others(paths, repeats, numbered, None)
            lines += ["", f"The same scaled to {' × '.join(map(str, INPUT.frame_size))}, as training reads them.", ""]
            lines += beside_others(paths, repeats, numbered, INPUT.frame_size)
        with run.section(f"Prepared by `amclip prepare`: {name}") as lines:
            lines += ["256 pixels on the shorter side, crf 23; frames in 224 × 224 as training reads them.", ""]
            lines += prepared(paths, run.work, repeats, numbered)
    with run.section("On the device") as lines:
        lines += on_the_device(drawn, repeats, "frames" if run.quick else INPUT.modality)
    run.close()


if __name__ == "__main__":
    main()
