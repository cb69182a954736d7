"""What can be said of the CUDA kernels without a GPU; writes flow_kernels.md.

    python docs/benchmarks/flow_kernels.py [--pairs FOLDER] [--output flow_kernels.md] [--quick]

The kernels are carried out on the CPU by the tests' emulator (needs a C++ compiler), on FOLDER's image pairs (see
pairs.py), and compiled by NVRTC for every architecture (needs amclip[cuda]). How fast they are, only a GPU can tell:
flow_gpu.py.
"""

import io
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from pairs import Pair, drawn_pairs, read_pairs
from sections import Benchmark, new_parser

from amclip.flow import TVL1, _cuda, _cut, _plan, end_point_error, reference
from amclip.flow.reference import Parameters

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "flow"))
from emulator import LARGE, SMALL, Emulator

ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")
REPORT = re.compile(
    r"Function properties for (\w+)\n.*?(\d+) bytes spill stores, (\d+) bytes spill loads\n.*?Used (\d+) registers"
)


def agreement(pairs: list[Pair]) -> list[str]:
    lines = [
        "| pair | kernels to float64 reference | numba to float64 reference | kernels' EPE | reference's EPE | tiles "
        "equal clusters |",
        "|---|---|---|---|---|---|",
    ]
    with TemporaryDirectory() as folder:
        emulator = Emulator(Path(folder))
        for pair in pairs:
            parameters = Parameters(warps=2)
            first, second = pair.images[:, 0, 0].double(), pair.images[:, 1, 0].double()
            want = reference.flow(first, second, parameters)
            ours = emulator.flow(pair.images, parameters, LARGE)
            same = torch.equal(ours, emulator.flow(pair.images, parameters, SMALL))
            numba = TVL1.preset("fast", backend="numba")(pair.images)
            apart = [float(end_point_error(flow.double(), want)) for flow in (ours, numba)]
            errors = ["–", "–"]
            if pair.truth is not None:
                truth = pair.truth.double()
                errors = [f"{float(end_point_error(flow.double(), truth, pair.valid)):.4f}" for flow in (ours, want)]
            height, width = pair.images.shape[-2:]
            row = [f"{pair.name} {height} × {width}", *(f"{x:.6f}" for x in apart), *errors, "yes" if same else "NO"]
            lines.append(f"| {' | '.join(row)} |")
            print(lines[-1], flush=True)
    return lines


def resources(architectures: Sequence[str]) -> list[str]:
    lines = ["| kernel | " + " | ".join(f"sm_{arch}" for arch in architectures) + " |"]
    lines.append("|---|" + "---|" * len(architectures))
    found: dict[str, dict[str, str]] = {}
    for arch in architectures:
        log = io.StringIO()
        _cuda.compile_kernels(arch, logs=log)
        for name, stores, loads, registers in REPORT.findall(log.getvalue()):
            spilled = max(int(stores), int(loads))
            found.setdefault(name, {})[arch] = f"{registers}" + (f" + {spilled} B" if spilled else "")
    return lines + [
        f"| `{name}` | {' | '.join(found[name].get(arch, '–') for arch in architectures)} |" for name in sorted(found)
    ]


def plans() -> list[str]:
    lines = [
        "| size | shared memory per block | finest level | useful threads | launches | MiB per pair |",
        "|---|---|---|---|---|---|",
    ]
    for size in ((64, 64), (112, 112), (224, 224), (256, 340), (480, 640)):
        for kibibytes, clusters in ((64, False), (99, False), (99, True), (163, False), (227, True)):
            device = _cut.Device(kibibytes << 10, clusters)
            parameters = Parameters()
            plan = _plan.make_plan(1, 3, True, *size, parameters, device)
            cut = _cut.choose_cut(*size, parameters.inner_iterations, False, device)
            rows = _cut.CLUSTER_ROWS if cut.cluster > 1 else _cut.ROWS
            blocks = cut.tiles[0] * cut.tiles[1] * cut.cluster
            useful = size[0] * size[1] / (blocks * cut.threads * 4 * rows)
            how = (
                "one block"
                if blocks == 1
                else f"cluster of {cut.cluster}"
                if cut.cluster > 1
                else (f"{cut.tiles[0]} × {cut.tiles[1]} tiles, {cut.iterations} iterations a launch")
            )
            memory = 4 * _plan.workspace_elements(*size, parameters, device) / 2**20
            cells = [
                f"{size[0]} × {size[1]}",
                f"{kibibytes} KiB" + (", clusters" if clusters else ""),
                how,
                f"{useful:.0%}",
                str(len(plan.launches)),
                f"{memory:.2f}",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = new_parser(__doc__)
    parser.add_argument("--pairs", type=Path)
    run = Benchmark(parser, __file__)
    side = 48 if run.quick else 224
    pairs = [Pair("drawn", drawn_pairs(1, side, side))]
    if run.options.pairs:
        pairs += read_pairs(run.options.pairs)
    run.head(
        "# The CUDA kernels of TV-L1, without a GPU\n\nWritten by `docs/benchmarks/flow_kernels.py`. How fast they run "
        "is measured by `flow_gpu.py` on a\nmachine with a GPU."
    )
    with run.section("Agreement") as lines:
        lines += [
            "The kernels on the CPU, `fast` (two warps, fixed counts); mean end-point differences in pixels. *EPE* is",
            "the error against true flow. The last column compares, to the bit, levels cut into tiles (64 KiB of",
            "shared memory) with levels in clusters of blocks.",
            "",
        ]
        if shutil.which("c++") is None and run.quick:
            lines.append("Needs a C++ compiler.")
        else:
            lines += agreement(pairs)
    with run.section("Registers per thread, and bytes spilled") as lines:
        lines += ["By NVRTC. A block has 256 threads at most.", ""]
        lines += resources(ARCHITECTURES[-1:] if run.quick else ARCHITECTURES)
    with run.section("How images are cut (`default`)") as lines:
        lines += plans()
    run.close()


if __name__ == "__main__":
    main()
