"""TV-L1 on a GPU: correct first, then pairs per second beside what else a user could take; writes flow_gpu.md.

    python docs/benchmarks/flow_gpu.py [--pairs FOLDER] [--output flow_gpu.md]
    python docs/benchmarks/flow_gpu.py --against COMMIT
    python docs/benchmarks/flow_gpu.py --quick [--device cuda]

Everything is timed in one run, with CUDA events, medians of repeats after a warm-up; methods of a table take turns.
FOLDER may hold pairs with known flow, as for flow_cpu.py. `--against` also measures the package of another commit on
the same machine, before and after today's. `--quick` runs it without a GPU (or, with `--device cuda`, on one), against
the commit at hand, to see that it works. Sections are in order of their worth, each saved as it is done. Beyond this
script, on the same machine:

    AMCLIP_REQUIRE_GPU=1 python -m pytest -m gpu
    for tool in memcheck racecheck initcheck synccheck; do
      compute-sanitizer --tool $tool python -m pytest -m gpu tests/flow/test_cuda.py -k "reference or presets"; done
    ncu --set full -k regex:iterate python docs/benchmarks/flow_gpu.py --quick --device cuda
"""

import datetime
import io
import json
import os
import subprocess
import sys
import tarfile
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import torch
from device_times import Machine
from pairs import Pair, drawn_pairs, read_pairs
from sections import Benchmark, new_parser
from torch import Tensor

import amclip
from amclip.flow import TVL1, _cuda, _cut, _plan, end_point_error, reference
from amclip.flow.pairs import grey_levels
from amclip.flow.reference import Parameters

SIZES = ((224, 224), (256, 340))
BATCHES = (1, 16, 128, 512)
METHODS = {
    "fast": TVL1.preset("fast"),
    "default": TVL1.preset("default"),
    "opencv": TVL1.preset("opencv"),
    "step 0.8, 5 × 30": TVL1(scale_step=0.8),
    "step 0.8, 5 × 300": TVL1(scale_step=0.8, inner_iterations=300),
}


def batch(count: int, height: int, width: int, device: torch.device) -> Tensor:
    """Pairs unlike each other: one drawn texture, rolled."""
    images = drawn_pairs(1, height, width)
    return torch.cat([images.roll(7 * k, -1) for k in range(count)]).to(device)


def agreement(machine: Machine, pairs: list[Pair]) -> list[str]:
    lines = ["| pair | to the float64 reference | its error against true flow | the reference's |", "|---|---|---|---|"]
    for pair in pairs:
        ours = TVL1.preset("fast")(pair.images.to(machine.device)).cpu().double()
        first, second = grey_levels(pair.images).double().unbind(1)
        want = reference.flow(first, second, Parameters(warps=2))
        errors = ["–", "–"]
        if pair.truth is not None:
            truth = pair.truth.double()
            errors = [f"{float(end_point_error(flow, truth, pair.valid)):.3f}" for flow in (ours, want)]
        lines.append(f"| {pair.name} | {float(end_point_error(ours, want)):.5f} | {errors[0]} | {errors[1]} |")
    return lines


def rates(machine: Machine) -> dict[str, dict[str, float]]:
    """Pairs per second, by size and method, and batch."""
    batches, sizes = (BATCHES[:1], ((32, 40),)) if machine.quick else (BATCHES, SIZES)
    found: dict[str, dict[str, float]] = {}
    for height, width in sizes:
        for name, method in METHODS.items():
            row = found.setdefault(f"{height} × {width} | {name}", {})
            for count in batches:
                images = batch(count, height, width, machine.device)
                (taken,) = machine.seconds(lambda method=method, images=images: method(images))
                row[str(count)] = count / taken
    return found


def check_out(commit: str, folder: Path) -> None:
    """Put the package of another commit into a folder.

    Raises:
        SystemExit: If git does not know it, or this is no checkout.
    """
    root = Path(__file__).parents[2]
    command = ["git", "-C", str(root), "archive", "--format=tar", commit, "amclip"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"--against {commit}: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")


def rates_of(folder: Path, machine: Machine) -> dict[str, dict[str, float]]:
    """What this script measures of the package in a folder, in a process of its own.

    Raises:
        RuntimeError: If that process ends with an error, which it has printed, or takes another package.
    """
    result = folder / "rates.json"
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    words = [sys.executable, __file__, "--rates", str(result), "--device", str(machine.device)]
    words += ["--quick"] if machine.quick else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(words, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"measuring the other commit failed with status {done.returncode}")
    found = json.loads(result.read_text(encoding="utf-8"))
    if Path(found["package"]).resolve().parent != folder.resolve():
        raise RuntimeError(f"the other process took {found['package']}, not the package in {folder}")
    rows: dict[str, dict[str, float]] = found["rates"]
    return rows


def speed(machine: Machine, run: Benchmark, against: str | None) -> list[str]:
    """Pairs per second; with ``against`` also those of another commit: the mean of one run before and one after."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        if against:
            check_out(against, folder)
            before = rates_of(folder, machine)
        ours = rates(machine)
        after = rates_of(folder, machine) if against and not machine.quick else None
    run.figures["pairs per second"] = ours
    batches = next(iter(ours.values()))
    lines = [
        "| size | method | " + " | ".join(f"batch {n}" for n in batches) + " |",
        "|---|---|" + "---|" * len(batches),
    ]
    lines += [f"| {key} | {' | '.join(f'{rate:,.0f}' for rate in row.values())} |" for key, row in ours.items()]
    if against:
        others = {
            key: {n: mean(runs[key][n] for runs in (before, after or before)) for n in row} for key, row in ours.items()
        }
        run.figures[f"pairs per second at {against}"] = others
        lines += ["", f"At {against}, and how many times as fast this is:", "", *lines[:2]]
        for key, row in ours.items():
            cells = [f"{others[key][n]:,.0f}, {rate / others[key][n]:.2f} ×" for n, rate in row.items()]
            lines.append(f"| {key} | {' | '.join(cells)} |")
    return lines


def shares(machine: Machine) -> list[str]:
    """Time of each kernel, by PyTorch's profiler."""
    from torch.profiler import ProfilerActivity, profile

    method, images = TVL1.preset("default"), batch(*((2, 32, 40) if machine.quick else (128, 224, 224)), machine.device)
    for _ in range(2):
        method(images)
    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as record:
        method(images)
        if machine.device.type == "cuda":
            torch.cuda.synchronize()
    found = [(event.key, getattr(event, "self_device_time_total", 0)) for event in record.key_averages()]
    total = sum(taken for _, taken in found) or 1
    ordered = sorted(found, key=lambda row: -row[1])[:10]
    return [
        "| kernel | share of the GPU's time |",
        "|---|---|",
        *(f"| {k} | {t / total:.1%} |" for k, t in ordered if t),
    ]


class OneLaunchPerIteration(_plan.Planner):
    """Our kernels, but with a launch per iteration, as OpenCV's CUDA version works (which takes two)."""

    def cut(self, height: int, width: int) -> _cut.Cut:
        tiled = _cut.choose_tiles(height, width, 1, False, self.device.shared_bytes)
        return replace(tiled, iterations=1)


def described(images: Tensor) -> _cut.Device:
    """The GPU that holds images; without one, an H100."""
    if not images.is_cuda:
        return _cut.Device(227 << 10, tuple(range(2, 17)), 132)
    return _cuda.describe(images.device.index or 0)


def planned(images: Tensor, device: _cut.Device, planner: type[_plan.Planner] = _plan.Planner) -> Callable[[], object]:
    """The flow by a plan for another device than the one at hand; without a GPU only the plan."""
    count, _, channels, height, width = images.shape
    plan = planner(count, channels, True, height, width, Parameters(), device).plan
    if not images.is_cuda:
        return lambda: plan
    call = _cuda.Call(plan, images.device.index or 0, _cuda.Lane(torch.cuda.graph_pool_handle()))
    result = torch.empty(count, 2, height, width, device=images.device)
    return lambda: call(images, result)


def cuts(machine: Machine) -> list[str]:
    """What clusters are worth: the largest that may be used, and cuts for few pairs or for many."""
    sizes = ((1, 32, 40),) if machine.quick else ((1, 224, 224), (118, 224, 224), (118, 256, 340))
    lines = ["| pairs | clusters up to | cut for | finest level | pairs per second |", "|---|---|---|---|---|"]
    for count, height, width in sizes:
        images = batch(count, height, width, machine.device)
        device = described(images)
        ways: dict[tuple[str, ...], Callable[[], object]] = {}
        for most in (1, 4, 8, 16):
            for name, processors in (("these", device.processors), ("many", 1)):
                clusters = tuple(blocks for blocks in device.clusters if blocks <= most)
                way = replace(device, clusters=clusters, processors=processors)
                cut = _cut.choose_cut(height, width, 30, False, way, count)
                how = f"{cut.tiles[0]} × {cut.tiles[1]} tiles, " if cut.tiles != (1, 1) else ""
                how += f"cluster of {cut.cluster}, " if cut.cluster > 1 else ""
                ways[str(most), name, f"{how}{cut.threads} threads of 4 × {cut.pixel_rows}"] = planned(images, way)
        for words, taken in zip(ways, machine.seconds(*ways.values()), strict=True):
            lines.append(f"| {count} of {height} × {width} | {' | '.join(words)} | {count / taken:,.0f} |")
    return lines


def rivals(machine: Machine) -> list[str]:
    from torchvision.models.optical_flow import raft_large, raft_small

    count, height, width = (1, 128, 128) if machine.quick else (32, 224, 224)
    images = batch(count, height, width, machine.device)
    ours, fast = TVL1.preset("default"), TVL1.preset("fast")
    first, second = grey_levels(images).unbind(1)
    plain = Parameters(warps=1, inner_iterations=2) if machine.quick else Parameters()
    colours = (images.float().div(127.5) - 1).expand(-1, -1, 3, -1, -1)
    updates = 1 if machine.quick else 12
    made = (raft_small,) if machine.quick else (raft_small, raft_large)
    nets = [make(weights=None).to(machine.device).eval() for make in made]

    def raft(net: torch.nn.Module) -> Callable[[], object]:
        def call() -> object:
            with torch.inference_mode():
                return net(colours[:, 0], colours[:, 1], num_flow_updates=updates)[-1]

        return call

    calls: dict[str, Callable[[], object]] = {
        "TV-L1, default": lambda: ours(images),
        "TV-L1, fast": lambda: fast(images),
        "TV-L1, default, in plain PyTorch": lambda: reference.flow(first, second, plain),
    }
    for name, net in zip(("small", "large"), nets, strict=False):
        calls[f"RAFT {name}, {updates} updates (random weights)"] = raft(net)
    calls["TV-L1, default, one launch per iteration"] = planned(images, described(images), OneLaunchPerIteration)
    taken = machine.seconds(*calls.values())
    lines = ["| method | pairs per second | relative to TV-L1, default |", "|---|---|---|"]
    return lines + [
        f"| {name} | {count / t:,.0f} | {taken[0] / t:.3g} × |" for name, t in zip(calls, taken, strict=True)
    ]


def training_share(machine: Machine) -> list[str]:
    """A training step on 8 positions per segment, with flow computed and with the same images given."""
    header = "| segments | clips | step, ms | of it preprocessing with flow | step with images given |"
    return [header, "|---|---|---|---|---|", *(training_step(machine, segments) for segments in (1, 4))]


def training_step(machine: Machine, segments: int) -> str:
    from amclip.inputs import NetworkInput
    from amclip.models.classifier import InterleavedClassifier
    from amclip.models.config import NetworkConfig, TemporalConfig
    from amclip.preprocess import Preprocess

    name, size, clips = ("amclip-tiny", 64, 1) if machine.quick else ("ViT-B-16", 224, 16)
    count, positions = max(1, clips // segments), 8 * segments
    config = NetworkConfig(name, temporal=TemporalConfig(heads=4)).with_architecture(size)
    network = InterleavedClassifier(config, 20, segments, 8)
    network.to(machine.device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5)
    preprocess = Preprocess(NetworkInput(image_size=size))
    frames = torch.randint(0, 256, (count, positions, 2, 3, size, size), dtype=torch.uint8).to(machine.device)
    index = torch.arange(positions, device=machine.device).view(1, segments, 8).expand(count, -1, -1)
    labels = torch.zeros(count, 20, device=machine.device)
    images = preprocess(frames).images

    def step(given: Tensor | None) -> None:
        pictures = preprocess(frames).images if given is None else given
        with torch.autocast(machine.device.type, dtype=torch.bfloat16):
            logits = network(pictures, index)
        torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), labels).backward()
        optimizer.step()
        optimizer.zero_grad()

    whole, alone, given = machine.seconds(lambda: step(None), lambda: preprocess(frames), lambda: step(images))
    return f"| {segments} | {count} | {whole * 1e3:.1f} | {alone / whole:.1%} | {given / whole:.1%} |"


def pairs_of(options: Namespace) -> list[Pair]:
    """A drawn pair, and those of a folder."""
    side = 32 if options.quick else 224
    known = read_pairs(options.pairs) if options.pairs else []
    return [Pair(f"drawn {side} × {side}", drawn_pairs(1, side, side)), *known]


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--device", help="default: cuda, and with --quick the CPU")
    parser.add_argument("--against", metavar="COMMIT", help="measure this one's package too")
    parser.add_argument("--rates", type=Path, help="measure pairs per second alone and save them here, as JSON")
    run = Benchmark(parser, __file__)
    machine = Machine(run.options.device or ("cpu" if run.quick else "cuda"), run.quick)
    if run.options.rates:
        package = str(Path(amclip.__file__).parent)
        run.options.rates.write_text(json.dumps({"package": package, "rates": rates(machine)}), encoding="utf-8")
        return
    against = run.options.against
    if run.quick and (Path(__file__).parents[2] / ".git").exists():
        against = against or "HEAD"
    run.head(
        f"# TV-L1 on a GPU\n\nWritten by `docs/benchmarks/flow_gpu.py` on {machine.name}, {datetime.date.today()}, "
        f"{machine.versions}."
    )
    with run.section("Agreement, mean end-point difference in pixels (`fast`)") as lines:
        lines += agreement(machine, pairs_of(run.options))
    with run.section("Pairs per second") as lines:
        lines += speed(machine, run, against)
    with run.section("Where the time goes (`default`, 128 pairs of 224 × 224)") as lines:
        lines += shares(machine)
    with run.section("Cuts (`default`)") as lines:
        lines += cuts(machine)
    with run.section("In a training step (ViT-B/16, bf16)") as lines:
        lines += training_share(machine)
    with run.section("Side by side, 32 pairs of 224 × 224") as lines:
        lines += rivals(machine)
    run.close()


if __name__ == "__main__":
    main()
