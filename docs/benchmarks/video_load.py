"""Random reads by six processes on two cores beside busy ones: how many frames are others; writes video_load.md.

    python docs/benchmarks/video_load.py [--reads 20000] [--seconds 600] [--modes amclip,...] [--output video_load.md]
    python docs/benchmarks/video_load.py --quick      one small file, read in this process

Frames show their number. Every process opens files, reads single frames and sorted batches of 32 at 224 × 224 in random
order, and opens the next; each frame that shows another number is counted. Modes:

* `amclip`: `Video.read_array`, as training reads;
* `pyav`: a plain exact reader, written here: packets listed, seek to the key frame before, decode on;
* `decord1`, `decord2`, `decord0`: `decord.VideoReader` with so many threads, as it is (no dependency: a comparison);
* `decord1+wait` and so on: with a large DECORD_EOF_RETRY_MAX in the environment.
"""

import json
import multiprocessing
import os
import platform
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "data"))
from numbered import read_number
from numbered_files import encode
from sections import Benchmark, new_parser

SIZE = 224
BATCH = 32
# Part of the reads that are of one frame.
SINGLE = 0.85
READERS, BUSY = 6, 3
# Reads of one open file.
READS_PER_OPENING = 12
WAIT = "1000000000"
MODES = ("amclip", "pyav", "decord1", "decord2", "decord0", "decord1+wait", "decord2+wait", "decord0+wait")
H265 = {"x265-params": "keyint=50:bframes=4:b-adapt=0:log-level=none", "preset": "superfast"}
FILES = (
    # name, codec, width, height, frames, options
    ("h264_320x240_300.mp4", "libx264", 320, 240, 300, {"g": "50", "bf": "3"}),
    ("h264_320x240_600.mp4", "libx264", 320, 240, 600, {"g": "250", "bf": "3"}),
    ("h264_640x360_300.mp4", "libx264", 640, 360, 300, {"g": "50", "bf": "3"}),
    ("h264_320x240_300.avi", "libx264", 320, 240, 300, {"g": "50", "bf": "0"}),
    ("h264_open_gop_320x240_300.mkv", "libx264", 320, 240, 300, {"g": "25", "bf": "3", "x264-params": "open-gop=1"}),
    ("h265_open_gop_320x240_300.mp4", "libx265", 320, 240, 300, H265),
    ("mpeg4_320x240_300.avi", "mpeg4", 320, 240, 300, {"g": "50", "bf": "2"}),
    ("mpeg2_320x240_300.ts", "mpeg2video", 320, 240, 300, {"g": "15", "bf": "2"}),
    ("vp9_320x240_300.webm", "libvpx-vp9", 320, 240, 300, {"g": "50", "cpu-used": "8"}),
)


def write_file(path: Path, codec: str, width: int, height: int, frames: int, options: dict[str, str]) -> None:
    encode(path, codec, range(frames), size=(height, width), options=options)


class PlainReader:
    """PyAV: packets listed, seek to the key frame before, decode on; only wanted frames are scaled."""

    def __init__(self, path: str) -> None:
        import av

        self._container = av.open(path)
        self._stream = self._container.streams.video[0]
        self._stream.thread_count = 1
        packets = [(p.pts, p.is_keyframe) for p in self._container.demux(self._stream) if p.size and not p.is_discard]
        self._stamps = np.sort(np.array([stamp for stamp, _ in packets], np.int64))
        self._keys = np.searchsorted(self._stamps, np.sort([stamp for stamp, key in packets if key]))
        self.count = len(self._stamps)

    def read(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        pixels: list[NDArray[np.uint8]] = []
        frames, place, group = None, -1, -1
        for index in indices:
            wanted = int(np.searchsorted(self._keys, index, side="right")) - 1
            if frames is None or wanted > group:
                self._container.seek(int(self._stamps[self._keys[wanted]]), stream=self._stream)
                frames, group = self._container.decode(self._stream), wanted
            while place != index or not pixels:
                frame = next(frames)
                place = int(np.searchsorted(self._stamps, frame.pts))
                if place == index:
                    scaled = frame.reformat(width=SIZE, height=SIZE, format="rgb24", interpolation="BICUBIC")
                    pixels.append(scaled.to_ndarray())
                    break
        return np.stack(pixels)


class DecordReader:
    def __init__(self, path: str, threads: int) -> None:
        import decord

        self._reader = decord.VideoReader(path, width=SIZE, height=SIZE, num_threads=threads)
        self.count = len(self._reader)

    def read(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        frames: NDArray[np.uint8] = self._reader.get_batch(list(indices)).asnumpy()
        return frames


class AmclipReader:
    def __init__(self, path: str, info: Any) -> None:
        from amclip.data.video import Video

        self._video = Video(path, (SIZE, SIZE), info=info)
        self.count = self._video.num_frames

    def read(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        return self._video.read_array(indices)


def open_reader(mode: str, path: str, info: Any) -> Any:
    if mode == "amclip":
        return AmclipReader(path, info)
    if mode == "pyav":
        return PlainReader(path)
    return DecordReader(path, int(mode.removesuffix("+wait").removeprefix("decord")))


def one_reader(job: dict[str, Any]) -> dict[str, Any]:
    """What one reading process finds, until its reads are done or the time is up."""
    infos: dict[str, Any] = {}
    if job["mode"] == "amclip":
        from amclip.data.probe import probe

        infos = {str(path): info for path, info in probe([name for name, *_ in job["files"]], timeout=120).items()}
    open_reader(job["mode"], job["files"][0][0], infos.get(job["files"][0][0]))  # imports take no one's time
    dice = random.Random(job["seed"])
    found = {"reads": 0, "frames": 0, "wrong": 0, "unreadable": 0, "errors": 0, "openings": 0, "farthest": 0}
    spent = {"single": 0.0, "batch": 0.0, "single_count": 0, "batch_count": 0, "opening": 0.0}
    worst: list[str] = []
    others: Counter[str] = Counter()
    end = time.monotonic() + job["seconds"]
    while found["reads"] < job["reads"] and time.monotonic() < end:
        path, width, height, frames = dice.choice(job["files"])
        start = time.process_time()
        reader = open_reader(job["mode"], path, infos.get(path))
        found["openings"] += 1
        if reader.count != frames:
            found["errors"] += 1
            worst.append(f"{path}: {reader.count} frames")
            continue
        spent["opening"] += time.process_time() - start
        for _ in range(READS_PER_OPENING):
            single = dice.random() < SINGLE
            indices = [dice.randrange(frames)] if single else sorted(dice.sample(range(frames), BATCH))
            start = time.process_time()
            try:
                images = reader.read(indices)
            except Exception as error:
                found["errors"] += 1
                worst.append(f"{Path(path).name}: {str(error).splitlines()[0][:100]}")
                break
            kind = "single" if single else "batch"
            spent[kind] += time.process_time() - start
            spent[f"{kind}_count"] += 1
            found["reads"] += 1
            for index, image in zip(indices, images, strict=True):
                reading = read_number(image, (height, width))
                found["frames"] += 1
                if reading.number != index or reading.turned:
                    others[Path(path).name] += 1
                    found["unreadable" if reading.number < 0 else "wrong"] += 1
                    if reading.number >= 0:
                        found["farthest"] = max(found["farthest"], abs(reading.number - index))
    return {**found, **spent, "what": worst[:3], "others": others}


def _spin(stop: Any) -> None:
    while not stop.is_set():
        for _ in range(10**5):
            pass


def measure(
    mode: str, files: list[tuple[str, int, int, int]], reads: int, seconds: float, busy_count: int
) -> dict[str, Any]:
    """All readers at once, and busy processes beside them."""
    environment = {**os.environ, **({"DECORD_EOF_RETRY_MAX": WAIT} if mode.endswith("+wait") else {})}
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    busy = [context.Process(target=_spin, args=(stop,), daemon=True) for _ in range(busy_count)]
    for spinner in busy:
        spinner.start()
    start = time.monotonic()
    try:
        readers = [
            subprocess.Popen(
                [sys.executable, __file__, "--work"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=environment,
            )
            for _ in range(READERS)
        ]
        for seed, process in enumerate(readers):
            job = {"mode": mode, "files": files, "reads": -(-reads // READERS), "seconds": seconds, "seed": seed}
            assert process.stdin is not None
            process.stdin.write(json.dumps(job))
            process.stdin.close()
        results = []
        hung = 0
        for process in readers:
            try:
                # A decoder may wait for ever: what it had read by then is lost, and that it hung is told.
                process.wait(max(1.0, start + seconds + 60 - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                hung += 1
                continue
            assert process.stdout is not None
            text = process.stdout.read()
            if text.strip():
                results.append(json.loads(text))
            else:
                hung += 1
    finally:
        stop.set()
        for spinner in busy:
            spinner.join()
    return added_up(mode, results, hung, time.monotonic() - start)


def added_up(mode: str, results: list[dict[str, Any]], hung: int, took: float) -> dict[str, Any]:
    """What all readers found."""
    total: dict[str, Any] = {"mode": mode, "hung": hung, "took": took}
    for key in ("reads", "frames", "wrong", "unreadable", "errors", "openings"):
        total[key] = sum(result[key] for result in results)
    total["farthest"] = max((result["farthest"] for result in results), default=0)
    for kind in ("single", "batch"):
        count = sum(result[f"{kind}_count"] for result in results)
        total[kind] = 1e3 * sum(result[kind] for result in results) / max(1, count)
    total["opening"] = 1e3 * sum(result["opening"] for result in results) / max(1, total["openings"])
    others: Counter[str] = Counter()
    for result in results:
        others.update(result["others"])
    total["others"] = others
    total["what"] = [line for result in results for line in result["what"]][:3]
    return total


HEADER = (
    "| reader | reads | frames | others | unreadable | farthest | errors | ended or hung | ms per frame | "
    "ms per batch of 32 | ms to open | s |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def row(total: dict[str, Any]) -> str:
    return (
        f"| {total['mode']} | {total['reads']} | {total['frames']} | {total['wrong']} | {total['unreadable']} | "
        f"{total['farthest']} | {total['errors']} | {total['hung']} of {READERS} | {total['single']:.1f} | "
        f"{total['batch']:.1f} | {total['opening']:.1f} | {total['took']:.0f} |"
    )


def main() -> None:
    if sys.argv[1:] == ["--work"]:
        print(json.dumps(one_reader(json.load(sys.stdin))))
        return
    parser = new_parser(__doc__)
    parser.add_argument("--reads", type=int, default=20_000, help="of each mode, over all processes")
    parser.add_argument("--seconds", type=float, default=600.0, help="time after which a mode ends, done or not")
    parser.add_argument("--modes", default="amclip", help=f"of {', '.join(MODES)}; separated by commas")
    parser.add_argument("--busy", type=int, default=BUSY, help="busy processes beside the readers")
    run = Benchmark(parser, __file__)
    options = run.options
    lines: list[str] = []
    remarks: list[str] = []
    with TemporaryDirectory() as folder:
        files = []
        for name, codec, width, height, frames, coding in FILES[: 1 if run.quick else None]:
            frames = 40 if run.quick else frames
            write_file(Path(folder) / name, codec, width, height, frames, coding)
            files.append((str(Path(folder) / name), width, height, frames))
        for mode in ("amclip", "pyav") if run.quick else options.modes.split(","):
            with run.section(mode) as said:
                if run.quick:
                    job = {"mode": mode, "files": files, "reads": 20, "seconds": 20.0, "seed": 0}
                    total = added_up(mode, [one_reader(job)], 0, 0.0)
                else:
                    total = measure(mode, files, options.reads, options.seconds, options.busy)
                lines.append(row(total))
                said += [HEADER, lines[-1], *total["what"]]
                if total["others"]:
                    told = ", ".join(f"{count} in {name}" for name, count in sorted(total["others"].items()))
                    remarks.append(f"{mode}: {told}.")
                    said.append(remarks[-1])
                write(run.output, lines, remarks, options.busy)
    run.close()


def write(path: Path, lines: list[str], remarks: list[str], busy: int) -> None:
    text = f"""# Reading under load

Written by `docs/benchmarks/video_load.py`: {READERS} reading processes and {busy} busy ones on
{os.cpu_count()} cores of {platform.machine()}, decord2 {version("decord2")}, PyAV {version("av")}.
H.264, H.265, MPEG-4, MPEG-2 and VP9 in MP4, Matroska, AVI, transport stream and WebM, mostly 320 × 240, 300 and 600
frames, read at 224 × 224 in random order: {SINGLE:.0%} of the reads are of one frame, the others sorted batches of
{BATCH} from the whole file. Times are the processor's, of all threads. A frame is another one where it shows another
number.

{HEADER}
"""
    if remarks:
        lines = [*lines, "", "Frames that are others, or unreadable, by file:", "", *(f"* {line}" for line in remarks)]
    path.write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
