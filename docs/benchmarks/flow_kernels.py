"""What can be said of the CUDA kernels without a GPU; writes flow_kernels.md.

    python docs/benchmarks/flow_kernels.py [--pairs FOLDER] [--output flow_kernels.md] [--quick]

The kernels are carried out on the CPU by the tests' emulator (needs a C++ compiler), on FOLDER's image pairs (see
pairs.py), and compiled by NVRTC for every architecture (needs amclip[cuda]); what an iteration costs is counted from
the machine code (needs nvdisasm, of the CUDA toolkit or of Triton). How fast they are, only a GPU can tell:
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
from machine_code import Iteration, count_iterations, disassemble, disassembler
from pairs import Pair, drawn_pairs, read_pairs
from sections import Benchmark, new_parser

from amclip.flow import TVL1, _cuda, _cut, _plan, end_point_error, reference
from amclip.flow.reference import Parameters

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "flow"))
from emulator import LARGE, SMALL, Emulator

#: Version 1 as it was counted on its own source, with the tool below; 2 and 3 are version 4 with one change taken back.
EARLIER = (
    "| 1: cluster of 8, one block of 7 warps per SM; the whole cluster waits twice; masks at the image's end | 255 + "
    "108 B | 43.5–48.9 | 4 | 1.43 | 0.57 | 7 | 2 of the cluster, 4 fences | 2,736 + 1,792 + 1,568 |",
    "| 2: as 4, with a reciprocal for u and one for v, and the gradient unscaled | 255 + 224 B | 43.6–51.1 | 4 | 1.43 "
    "| 0.79 | 13 | 2 of the block, 2 doors | 2,860 + 1,792 + 1,984 |",
    "| 3: as 4, with a reciprocal for u and one for v | 255 + 192 B | 42.2–49.8 | 4 | 1.43 | 0.79 | 5 | 2 of the "
    "block, 2 doors | 2,786 + 1,792 + 1,984 |",
)
VERSION = "4: cluster of 16, two blocks of 4 warps per SM; strips wait for their neighbours"
VERSIONS_TEXT = """\
`iterate_cluster` on sm_90, per pixel and iteration where nothing else is said. Of the ways through the code the
shortest and the longest are given. Rows 2 and 3 are version 4 with one change taken back, to show what it gives; row
2 keeps only the cost of the older arithmetic. The longest is that of a warp that has pixels outside of the image,
which 224 × 224 has none of, and that sends to both neighbours; version 1 sent every warp with a pixel of the last
column the long way. *Cycles* are the least that an SM needs for an iteration of its 6,272 pixels of 224 × 224 (8 SMs
per pair, in all versions), the longest way, if it did nothing but issue, nothing but MUFU, nothing but shared memory.
Version 1 was measured on an H200: about 6,900 cycles, the sum of all three (6,096) and 800 more. So nothing overlaps,
since all warps of an SM wait at the same barriers.

What was expected of each change when it was made; **all of it is still to be measured on a GPU**:

* *Doors instead of cluster barriers.* A barrier of the cluster orders all memory: the machine code has a fence of
  the whole GPU and an invalidation of the L1 cache for each, so that spilled words come from L2. A strip only needs
  its neighbours' edges: they are sent with `st.async`, which counts bytes at an mbarrier of the receiver. No fence is
  left, and no barrier at the end. Expected: most of the 800 cycles.
* *Two blocks per SM* of at most 128 threads, of different pairs, in different phases: 16 strips of 14 rows instead of 8
  of 28. Expected: the sum of the three becomes the largest of them and a third of the rest: 2,880 + 1,109 = 3,989
  cycles, 58 % of version 1's; a share of the issue peak of 45 to 50 %.
* *Images end with a thread's last pixel*, so the last column and row need no masks: they read a copy of their own flow
  as their neighbour's. Expected: 4 issue slots a pixel less in more than half of the warps.
* *Constants and edges in records* with fixed places. Expected: 50 to 60 address computations less per thread and
  iteration, 2 issue slots a pixel.
* *The gradient's direction and length* instead of the gradient and its inverse square (2 to 3). Expected: 1
  multiplication a pixel less.
* *One reciprocal for u and v* (3 to 4): 3 MUFU instead of 4 for 2 more issue slots. In the second half of an iteration
  MUFU is the limit (32 cycles a pixel of a warp against 22 issue slots), with 3 it is not (24 against 24). If the
  phases of two blocks overlap wholly, it loses 5 %; if not at all, it gains 6 %.
* *Clusters of 9 to 16* for what had to be cut into tiles: 256 × 340 is one cluster of 13 without a halo instead of 35
  tiles with one (61 % of their threads were useful, now 93 %), and a launch per warp instead of 4. Expected: twice as
  fast.
* *Clusters with early stop*, 10 iterations a launch: 51 issue slots a pixel instead of 66 in tiles of which 55 % were
  useful. Expected of `opencv`: twice as fast.
* *Finer cuts where pairs are few.* One pair's time was 20 launches of 30 iterations of 28 pixels a thread, on at most 8
  SMs: 1.5 of its 1.67 ms. Levels are now cut so that a scheduler has 16 pixels of one warp where that is quicker.
  Expected: 1 ms.
* *Nothing copied into and out of the graph.* Copies were a sixth of a call's time.

Together, for 256 pairs with `default`: 18.8 ms were measured, of them 13.2 in these kernels, 2.7 in medians, 2.3 in
linearisation. Expected: 13.3 ms, 19,000 pairs a second; medians and linearisation are then 40 %.

"""
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


def cycles(iteration: Iteration, warps: int) -> tuple[int, int, int]:
    """Least cycles of an SM for an iteration of all its warps: issue, MUFU and shared memory, each by itself.

    Its four schedulers issue one instruction in a cycle and have four MUFU lanes each; shared memory gives 128 bytes
    a cycle to all of them, and nearly all accesses are 16 bytes per lane.
    """
    turns = -(-warps // 4)
    words = iteration.of("LDS", "STS", "ST", "STAS")
    return turns * iteration.slots()[1], turns * 8 * iteration.of("MUFU"), warps * 4 * words


def versions() -> list[str]:
    """What an iteration of the kernel of clusters costs on sm_90, today beside earlier versions."""
    log = io.StringIO()
    code = bytes(_cuda.compile_kernels("90", logs=log).code)
    iteration = count_iterations(disassemble(code))["iterate_cluster"]
    used = {name: f"{registers} + {stores} B" for name, stores, _, registers in REPORT.findall(log.getvalue())}
    device = _cut.Device(227 << 10, tuple(range(2, 17)))
    cut = _cut.choose_cut(224, 224, 30, False, device)
    blocks = 2 if cut.threads <= _cut.PAIRED_THREADS[cut.pixel_rows] else 1
    pixels = 4 * cut.pixel_rows
    least, most = (slots / pixels for slots in iteration.slots())
    doors = sum(count for name, count in iteration.longest.items() if name.startswith("SYNCS.ARRIVE"))
    barriers = [f"{iteration.of('BAR')} of the block", f"{doors} doors"]
    if fences := iteration.of("MEMBAR", "CCTL"):
        barriers.append(f"{fences} fences")
    cells = [
        VERSION,
        used["iterate_cluster"],
        f"{least:.1f}–{most:.1f}",
        f"{iteration.of('MUFU') / pixels:g}",
        f"{iteration.of('LDS') / pixels:.2f}",
        f"{iteration.of('STS', 'ST', 'STAS') / pixels:.2f}",
        f"{iteration.of('LDL', 'STL')}",
        ", ".join(barriers),
        " + ".join(f"{count:,}" for count in cycles(iteration, blocks * cut.threads // 32)),
    ]
    return [
        "| version | registers + spilled | issue slots | MUFU | shared loads | shared stores | moves of spilled words "
        "per iteration | barriers per iteration | cycles: issue + MUFU + shared memory |",
        "|---|---|---|---|---|---|---|---|---|",
        *EARLIER,
        f"| {' | '.join(cells)} |",
    ]


def plans() -> list[str]:
    lines = [
        "| size | shared memory per block | finest level | useful threads | launches | MiB per pair |",
        "|---|---|---|---|---|---|",
    ]
    for size in ((64, 64), (112, 112), (224, 224), (256, 340), (480, 640)):
        for kibibytes, most in ((64, 1), (99, 1), (99, 8), (163, 1), (227, 8), (227, 16)):
            device = _cut.Device(kibibytes << 10, tuple(range(2, most + 1)))
            parameters = Parameters()
            plan = _plan.make_plan(1, 3, True, *size, parameters, device)
            cut = _cut.choose_cut(*size, parameters.inner_iterations, False, device)
            useful = size[0] * size[1] / (cut.blocks * cut.threads * 4 * cut.pixel_rows)
            how = (
                "one block"
                if cut.blocks == 1
                else f"cluster of {cut.cluster}"
                if cut.cluster > 1
                else (f"{cut.tiles[0]} × {cut.tiles[1]} tiles, {cut.iterations} iterations a launch")
            )
            memory = 4 * _plan.workspace_elements(*size, parameters, device) / 2**20
            cells = [
                f"{size[0]} × {size[1]}",
                f"{kibibytes} KiB" + (f", clusters of {most}" if most > 1 else ""),
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
    with run.section("Versions of the iteration kernel") as lines:
        lines += VERSIONS_TEXT.splitlines()
        lines += versions() if disassembler() else ["Needs nvdisasm, of the CUDA toolkit or of Triton."]
    with run.section("How images are cut (`default`)") as lines:
        lines += plans()
    run.close()


if __name__ == "__main__":
    main()
