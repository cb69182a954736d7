"""Time and accuracy of TV-L1's CPU backends, side by side in one run; writes flow_cpu.md beside itself.

    python docs/benchmarks/flow_cpu.py [--pairs FOLDER] [--clips FOLDER] [--before CHECKOUT] [--output flow_cpu.md]
    python docs/benchmarks/flow_cpu.py --quick

Times are of drawn pairs and need no data. PAIRS may hold image pairs: NAME_1.png and NAME_2.png (or .tif),
NAME-img0.ppm and NAME-img1.ppm, or NAME_frame10.png and NAME_frame11.png; and their true flow as NAME_gt.flo,
NAME-gt.flo or NAME_gt.npy (H × W × 2), with NAME_valid.npy (H × W) where it is known only in places. CLIPS is searched
for videos; two frames of each, from its middle, are compared. CHECKOUT is a checkout of an earlier commit, whose time
on the demo's batches is taken in turns with this one's. Everything together takes some 7 minutes of two cores.
"""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from pairs import Pair, drawn_pairs, read_pairs
from sections import Benchmark, drawn_clips, new_parser
from skimage.registration import optical_flow_tvl1
from torch import Tensor
from torch.nn import functional

from amclip.data.find import list_videos
from amclip.data.video import Video
from amclip.data.video_file import VideoError
from amclip.flow import PRESETS, TVL1, _numba, _sweep, end_point_error, reference
from amclip.flow._compile import Floats, compiled
from amclip.flow._median import median
from amclip.flow.pairs import grey_levels

SIZES = ((96, 96), (224, 224), (256, 340))
#: As many pairs of 64 × 64 as a batch of configs/demo.yaml has: 8 clips of 16 frames.
DEMO = (128, 64)
PATIENCE = 1.0  # seconds that the other processes get


def read_clips(folder: Path) -> list[Pair]:
    pairs = []
    for path in list_videos(folder):
        try:
            with Video(path) as video:
                middle = max(video.num_frames // 2 - 1, 0)
                frames = video.read([middle, min(middle + 1, video.num_frames - 1)])
        except VideoError:
            continue
        grey = grey_levels(frames)[:, None]
        scale = min(1, 224 / min(grey.shape[-2:]))
        grey = functional.interpolate(grey, scale_factor=scale, mode="bilinear", antialias=True)
        pairs.append(Pair(path.stem, grey.round().clamp(0, 255).to(torch.uint8)[None]))
    return pairs


def use_cores(cores: int, count: int) -> None:
    """OpenCV shares one pair's rows among its threads, or, which is faster, gets a pair per Python thread."""
    torch.set_num_threads(cores)
    cv2.setNumThreads(cores if count == 1 else 1)


def busy() -> float:
    """Seconds of all cores that all processes together have used since the start (Linux)."""
    user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def settle() -> None:
    """Wait until other processes leave the cores alone for a moment, but not for ever."""
    end = time.perf_counter() + PATIENCE
    while time.perf_counter() < end:
        before = busy()
        time.sleep(0.1)
        if busy() - before < 0.015:  # at most one tick of the clock
            break


def in_turns(tasks: dict[str, tuple[int, Callable[[], object]]], rounds: int) -> dict[str, float]:
    """Median time in milliseconds of each task, which runs so many times in each round."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, (calls, task) in tasks.items():
            settle()
            for _ in range(calls):
                start = time.perf_counter()
                task()
                times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def skimage_flow(pair: Tensor) -> Tensor:
    """scikit-image's TV-L1 of one pair with its own parameters on grey levels in [0, 1]."""
    first, second = pair[0, :, 0].float().div(255).numpy()
    return torch.from_numpy(optical_flow_tvl1(first, second)[::-1].copy())[None]  # it returns (v, u)


def speed(sizes: Sequence[tuple[int, int]], batch: int) -> list[str]:
    lines = []
    for height, width in sizes:
        for preset, count in (("default", 1), ("default", batch), ("fast", 1), ("opencv", 1)):
            pairs = drawn_pairs(count, height, width)
            for cores in (1, 2):
                use_cores(cores, count)
                tasks: dict[str, tuple[int, Callable[[], object]]] = {
                    "numba": (5, partial(TVL1.preset(preset, "numba"), pairs)),
                    "opencv": (1, partial(TVL1.preset(preset, "opencv"), pairs)),
                }
                if (preset, count, cores) == ("default", 1, 1):
                    tasks["skimage"] = (1, partial(skimage_flow, pairs))
                found = {name: value / count for name, value in in_turns(tasks, 2 if count > 1 else 3).items()}
                cells = [f"{height} × {width}", preset, str(count), str(cores), f"{found['numba']:.2f}"]
                cells += [f"{found['opencv']:.1f}", f"**{found['opencv'] / found['numba']:.1f}**"]
                skimage = found.get("skimage")
                cells += [f"{skimage:.1f}", f"{skimage / found['numba']:.1f}"] if skimage else ["", ""]
                lines.append(f"| {' | '.join(cells)} |")
                print(lines[-1], flush=True)
    use_cores(1, 1)
    return lines


@compiled
def iterate(count: int, data: Floats, state: Floats, width: int, step: float, theta: float, rate: float) -> None:
    """So many sweeps in one call, as within the backend."""
    rates, height = _sweep.dual_rates(width, rate), data.shape[1] // width
    for _ in range(count):
        _sweep.sweep(data, state, rates, 0, height, width, step, theta, rate, None)


class Stages:
    """Adds up, in milliseconds, what calls cost."""

    def __init__(self) -> None:
        self.spent = dict.fromkeys(("pyramid", "warp", "median", "iterations"), 0.0)

    def __call__(self, stage: str, function: Callable[..., np.ndarray], *arguments: object) -> np.ndarray:
        start = time.perf_counter()
        result = function(*arguments)
        self.spent[stage] += 1e3 * (time.perf_counter() - start)
        return result


def our_stages(images: Tensor, settings: reference.Parameters) -> dict[str, float]:
    """The backend's compiled stages, called one by one as it calls them itself."""
    spend = Stages()
    stride = 1 / settings.scale_step
    sizes = reference.pyramid_sizes(*images.shape[-2:], settings.nscales, settings.scale_step)
    firsts, seconds = ([image] for image in images[0, :, 0].float().numpy())
    for height, width in sizes[1:]:
        for levels in (firsts, seconds):
            levels.append(spend("pyramid", _numba._resize, levels[-1], height, width, stride, stride, 1.0))
    flow = np.zeros((2, 1, 1), np.float32)
    weights = [settings.lambda_ * settings.theta, settings.theta, settings.tau / settings.theta]
    for level in reversed(range(len(sizes))):
        height, width = sizes[level]
        state = spend("pyramid", _numba._start, flow, height, width, stride)
        data = np.empty((4, height * width), np.float32)
        texels = spend("warp", _numba._texels, seconds[level])
        for _ in range(settings.warps):
            spend("warp", _numba._linearise, firsts[level], texels, state, data, 0, height)
            for field in state[:2, width:]:  # u and v
                spend("median", median, field, height, width, settings.median_filtering)
            spend("iterations", iterate, settings.inner_iterations, data, state, width, *np.float32(weights))
        flow = spend("pyramid", _numba._flow, state, height, width)
    return spend.spent


def opencv_stages(images: Tensor, settings: reference.Parameters) -> dict[str, float]:
    """The calls that OpenCV's TV-L1 makes to its own library, in the same sizes and numbers."""
    spend = Stages()
    sizes = reference.pyramid_sizes(*images.shape[-2:], settings.nscales, settings.scale_step)
    size_of = [(width, height) for height, width in sizes]
    image = images[0, 0, 0].float().numpy()
    for size in size_of[1:]:
        for _ in range(2):  # of the pair
            smaller = spend("pyramid", partial(cv2.resize, interpolation=cv2.INTER_LINEAR), image, size)
    for level in reversed(range(len(sizes))):
        height, width = sizes[level]
        image = cv2.resize(images[0, 0, 0].float().numpy(), size_of[level])
        if level < len(sizes) - 1:
            smaller = cv2.resize(image, size_of[level + 1])
            for _ in range(2):  # u and v
                spend("pyramid", cv2.resize, smaller, size_of[level])
        y, x = np.mgrid[:height, :width].astype(np.float32)
        for _ in range(settings.warps):
            for _ in range(3):  # the image and both its gradients
                spend("warp", cv2.remap, image, x + 0.3, y - 0.2, cv2.INTER_CUBIC)
            for _ in range(2):  # u and v
                spend("median", cv2.medianBlur, image, settings.median_filtering)
    return spend.spent


def stages(sizes: Sequence[tuple[int, int]]) -> list[str]:
    lines = []
    use_cores(1, 1)
    settings = TVL1.preset("default").settings
    for height, width in sizes:
        images = drawn_pairs(1, height, width)
        methods = {name: partial(TVL1.preset("default", name), images) for name in ("numba", "opencv")}
        ours_alone: list[dict[str, float]] = []
        theirs_alone: list[dict[str, float]] = []
        whole = in_turns(
            {
                "numba": (3, methods["numba"]),
                "ours": (3, lambda images=images, runs=ours_alone: runs.append(our_stages(images, settings))),
                "opencv": (1, methods["opencv"]),
                "theirs": (1, lambda images=images, runs=theirs_alone: runs.append(opencv_stages(images, settings))),
            },
            4,
        )
        rest = [whole["numba"], whole["opencv"]]
        for stage in ("pyramid", "warp", "median", "iterations"):
            ours, theirs = (statistics.median(run[stage] for run in runs) for runs in (ours_alone, theirs_alone))
            rest[0] -= ours
            if stage == "iterations":
                theirs = rest[1]  # OpenCV's cannot be called alone
            rest[1] -= theirs
            lines.append(f"| {height} × {width} | {stage} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.1f} |")
        lines.append(f"| {height} × {width} | rest | {max(rest[0], 0):.2f} | | |")
    return lines


#: Run in a process of its own, since two checkouts cannot be imported into one.
CHILD = """
import statistics, sys, time, numpy, torch
from amclip.flow import TVL1
backend, pairs = sys.argv[1], torch.from_numpy(numpy.load(sys.argv[2]))
if backend == "opencv":
    import cv2
    cv2.setNumThreads(1)
method = TVL1.preset("fast", backend)
method(pairs[:2])
for threads in 1, 2:
    torch.set_num_threads(threads)
    times = []
    for _ in range(1 if backend == "opencv" else 9):
        start = time.perf_counter()
        method(pairs)
        times.append(1e3 * (time.perf_counter() - start))
    print(statistics.median(times))
"""


def demo(before: Path | None, count: int, side: int, quick: bool) -> list[str]:
    here = Path(__file__).resolve().parents[2]
    runs = {"OpenCV": ("opencv", here), "numba": ("numba", here)}
    if quick:  # each is a process that starts
        del runs["OpenCV"]
    if before is not None:
        runs["numba, before"] = ("numba", before)
    times: dict[str, list[list[float]]] = {name: [] for name in runs}
    with TemporaryDirectory() as folder:
        stored = Path(folder, "pairs.npy")
        np.save(stored, drawn_pairs(count, side, side, (1.2, -0.8)).numpy())
        for _ in range(1 if quick else 3):
            for name, (backend, checkout) in runs.items():
                command = [sys.executable, "-c", CHILD, backend, str(stored)]
                environment = {**os.environ, "PYTHONPATH": str(checkout)}
                settle()
                # From its own folder, which Python searches first.
                child = subprocess.run(
                    command, env=environment, cwd=checkout, stdout=subprocess.PIPE, text=True, check=True
                )
                times[name].append([float(line) for line in child.stdout.split()])
    lines = []
    for name, values in times.items():
        one, two = (statistics.median(value) for value in zip(*values, strict=True))
        lines.append(f"| {name} | {one:.0f} | {two:.0f} |")
    return lines


def agreement(pairs: list[Pair]) -> list[str]:
    lines = []
    use_cores(2, 1)
    for pair in pairs:
        fast = TVL1.preset("fast", "numba")
        first, second = pair.images[:, :, 0].float().unbind(1)
        exact = reference.flow(first.double(), second.double(), fast.settings)
        flows = {
            "numba": TVL1.preset("opencv", "numba")(pair.images),
            "opencv": TVL1.preset("opencv", "opencv")(pair.images),
            "default": TVL1.preset("default", "numba")(pair.images),
            "fast": fast(pair.images),
            "skimage": skimage_flow(pair.images),
        }
        cells = [pair.name, f"{pair.images.shape[-2]} × {pair.images.shape[-1]}"]
        apart = end_point_error(flows["fast"].double(), exact)
        cells += [f"{apart:.5f}"]
        if apart >= 0.002:  # is it the backend, or single precision?
            cells[-1] += f" ({end_point_error(reference.flow(first, second, fast.settings).double(), exact):.5f})"
        cells += [f"{end_point_error(flows['numba'], flows['opencv']):.4f}"]
        if pair.truth is not None:
            errors = {name: end_point_error(flow, pair.truth, pair.valid) for name, flow in flows.items()}
            cells += [f"{errors[name]:.3f}" for name in ("opencv", "numba", "default", "fast", "skimage")]
        lines.append(f"| {' | '.join(cells)} |")
    use_cores(1, 1)
    return lines


def main() -> None:
    global PATIENCE
    parser = new_parser(__doc__)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--before", type=Path)
    run = Benchmark(parser, __file__)
    sizes, batch, (count, side) = SIZES, 16, DEMO
    if run.quick:
        sizes, batch, (count, side), PATIENCE = ((32, 40),), 2, (2, 32), 0.0
    used, own, start = busy(), sum(os.times()[:4]), time.perf_counter()
    use_cores(1, 1)
    for preset in PRESETS:  # compiled and loaded before the clock runs
        TVL1.preset(preset, "numba")(drawn_pairs(1, 32, 32))
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "numba", "scikit-image"))
    packages += f", OpenCV {cv2.__version__}"
    run.head(
        f"""# TV-L1 on the CPU

Written by `docs/benchmarks/flow_cpu.py` on {processor()}, Python {platform.python_version()}, {packages}.
Times are medians in milliseconds of runs that take turns; *faster* is a time over numba's."""
    )
    with run.section("Time per pair") as lines:
        lines += [
            "From uint8 images to flow; numba and OpenCV at the same scale step, warps and iteration counts (*opencv*",
            "stops early, in both). On two cores OpenCV shares the rows of a single pair, and takes a pair per thread",
            "of a batch. scikit-image runs with its own defaults and on one core.",
            "",
            "| size | preset | batch | cores | numba | OpenCV | faster | scikit-image | faster |",
            "|---|---|---|---|---|---|---|---|---|",
            *speed(sizes, batch),
        ]
    with run.section("Where the time goes") as lines:
        lines += [
            "One pair, one core, default preset. OpenCV's pyramid, warp and median are the calls to its own library",
            "that its code makes, timed alone; its iterations are what is left of the whole.",
            "",
            "| size | stage | numba | OpenCV | faster |",
            "|---|---|---|---|---|",
            *stages(sizes),
        ]
    with run.section("The demo's batches") as lines:
        lines += [
            f"The flow of one batch of the demo: {count} pairs of {side} × {side}, preset *fast*; the whole batch.",
            "",
            "| | 1 core | 2 cores |",
            "|---|---|---|",
            *demo(run.options.before, count, side, run.quick),
        ]
    if run.options.pairs or run.quick:
        pairs = read_pairs(run.options.pairs) if run.options.pairs else [Pair("drawn", drawn_pairs(1, *sizes[0]))]
        with run.section("Agreement on real pairs") as lines:
            lines += [
                "Mean end-point differences in pixels. *exact*: numba from the reference in double precision, preset",
                "*fast*. *apart*: numba from OpenCV, both with OpenCV's defaults. Then the error against the known",
                "flow: of OpenCV and of numba with OpenCV's defaults, of the presets *default* and *fast*, of",
                "scikit-image. Where *exact* is 0.002 or more, that of the reference itself in single precision",
                "follows in parentheses. Pairs whose flow is known everywhere are compared at 224 × 224 too.",
                "",
                "| pair | size | exact | apart | OpenCV | numba | default | fast | scikit-image |",
                "|---|---|---|---|---|---|---|---|---|",
                *agreement(pairs),
            ]
    if run.options.clips or run.quick:
        with run.section("Agreement on frames of real clips") as lines:
            folder = run.options.clips or drawn_clips() / "videos"
            lines += [
                "Two frames from the middle of each clip, shorter side at most 224 pixels; columns as above.",
                "",
                "| clip | size | exact | apart |",
                "|---|---|---|---|",
                *agreement(read_clips(folder)[: 2 if run.quick else None]),
            ]
    with run.section("Beside this") as lines:
        others = (busy() - used - sum(os.times()[:4]) + own) / (time.perf_counter() - start)
        lines.append(f"Other processes took {others:.2f} of the machine's {os.cpu_count()} cores meanwhile.")
    run.close()


def processor() -> str:
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return f"{len(names)} × {names[0]}" if names else platform.machine()


if __name__ == "__main__":
    main()
