"""Builds ``amclip/flow/tvl1.cu`` for the CPU and carries out amclip's own launch plans with it.

Needs a C++17 compiler (``g++`` or ``clang++``, or the one that ``CXX`` names).
"""

import hashlib
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

import amclip.flow
from amclip.flow import _plan
from amclip.flow._cut import Device
from amclip.flow._plan import At
from amclip.flow.reference import Parameters

HERE = Path(__file__).parent
SOURCE = Path(amclip.flow.__file__).with_name("tvl1.cu")
Order = Literal["forward", "backward", "random"]
ORDERS: tuple[Order, ...] = ("forward", "backward", "random")

#: A block of the smallest GPU supported has 64 KiB; the largest also form clusters.
SMALL, LARGE = Device(64 << 10), Device(227 << 10, tuple(range(2, 17)))


BARRIER = re.compile(r"\b(?:(?:cluster_wait|__syncthreads)\(\)|(?:wait_at|expect)\([^;{}]*\));")
#: Numbers of mutants that lack no barrier: a thread that waits alone, one that leaves early, one that writes beyond.
WAITS, LEAVES, BEYOND = 1000, 1001, 1002


def with_mutants() -> tuple[str, list[str]]:
    """The source with all its mutants, to be built once, and the lines of its barriers.

    Mutant ``k`` lacks the ``k``-th barrier, wait or announcement; -1 is the source as it is.
    """
    source = SOURCE.read_text()
    lines = [f"line {source.count(chr(10), 0, found.start()) + 1}" for found in BARRIER.finditer(source)]
    numbers = iter(range(len(lines)))
    source = BARRIER.sub(lambda found: f"if (emulator::mutant != {next(numbers)}) {found[0]}", source)
    faults = f"if (emulator::mutant == {WAITS} && thread == 3) __syncthreads();"
    faults += f"if (emulator::mutant == {LEAVES} && thread == 3) return;"
    beyond = f"(emulator::mutant == {BEYOND} ? from_below + 64 + thread : mine + At::TOP_U)[0] = row_of"
    for anchor, instead in (
        ("bool stopped = false;", faults + "bool stopped = false;"),
        ("mine[At::TOP_U] = row_of", beyond),
    ):
        assert source.count(anchor) == 1
        source = source.replace(anchor, instead)
    return source, lines


class EmulationError(RuntimeError):
    """The kernels did something that a GPU need not forgive; says what."""


def compiler() -> str | None:
    """The C++ compiler, if there is one."""
    return next(
        (found for name in (os.environ.get("CXX"), "g++", "clang++") if name and (found := shutil.which(name))), None
    )


class Emulator:
    """The kernels, compiled for this machine.

    Args:
        folder: Where to build.
        source: CUDA source; default: the project's.
        sanitize: Also look for accesses outside of buffers and of shared memory, and for misaligned ones.
    """

    def __init__(self, folder: Path, source: str | None = None, sanitize: bool = False) -> None:
        source = SOURCE.read_text() if source is None else source
        flags = ["-O1", *(["-fsanitize=address,alignment", "-fno-sanitize-recover=all"] if sanitize else [])]
        name = hashlib.sha256("".join([source, *flags]).encode()).hexdigest()[:16]
        self.folder = folder / name
        self.program = self.folder / "emulator"
        if self.program.exists():
            return
        self.folder.mkdir(parents=True)
        (self.folder / "kernels.cu").write_text(_plan.networks_source() + source)
        kernels = re.findall(r'^(?:extern "C" __global__ .*\n(\w+)\(|ITERATE\((?!name)(\w+),)', source, re.MULTILINE)
        every = " ".join(f"KERNEL({one or other})" for one, other in kernels)
        command = [
            str(compiler()),
            "-std=c++17",
            *flags,
            "-ffp-contract=off",  # as the GPU build: nothing is fused that is not written so
            *(["-mfma"] if _has_fma() else []),  # else fmaf is computed in software, right but slow
            "-Wno-unknown-pragmas",
            f"-DKERNELS={every}",
            f"-I{self.folder}",
            "-pthread",
            str(HERE / "emulator.cpp"),
            "-o",
            str(self.program),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"cannot build the emulator:\n{done.stderr[-4000:]}")

    def flow(
        self,
        pairs: Tensor,
        parameters: Parameters,
        device: Device = LARGE,
        order: Order = "forward",
        workers: int = 2,
        seed: int = 0,
        mutant: int = -1,
    ) -> Tensor:
        """Flow of pairs ``(N, 2, C, H, W)``, uint8 or float32, as the GPU would compute it.

        ``mutant`` says which one runs, if the source is that of :func:`with_mutants`.

        Raises:
            EmulationError: If threads deadlock, leave others waiting or touch what is not theirs.
        """
        count, _, channels, height, width = pairs.shape
        whole = pairs.dtype == torch.uint8
        plan = _plan.make_plan(count, channels, whole, height, width, parameters, device)
        result_bytes = 8 * count * height * width
        names = ["pairs", "result", *plan.buffers]
        job = [struct.pack("<I", len(names))]
        content = pairs.contiguous().numpy().tobytes()
        job += [struct.pack("<Qc", len(content), b"d"), content, struct.pack("<Qc", result_bytes, b"n")]
        for name, elements in plan.buffers.items():
            job.append(struct.pack("<Qc", 4 * elements, b"z" if name == "control" else b"n"))
        job.append(struct.pack("<II", 1, len(plan.launches)))
        for launch in plan.launches:
            kernel = launch.kernel.encode()
            job.append(struct.pack("<I", len(kernel)) + kernel)
            job.append(struct.pack("<8I", *launch.grid, *launch.block, launch.cluster, launch.shared))
            job.append(struct.pack("<I", len(launch.arguments)))
            job += [_argument(argument, names) for argument in launch.arguments]
        job_file, result_file = self.folder / f"job-{os.getpid()}", self.folder / f"result-{os.getpid()}"
        job_file.write_bytes(b"".join(job))
        environment = {**os.environ, "ASAN_OPTIONS": "detect_stack_use_after_return=0:detect_leaks=0"}
        words = [self.program, job_file, result_file, ORDERS.index(order), workers, seed, mutant]
        done = subprocess.run(
            [str(word) for word in words], capture_output=True, text=True, env=environment, timeout=300
        )
        if done.returncode:
            raise EmulationError(done.stderr[-3000:])
        return torch.from_numpy(np.fromfile(result_file, np.float32)).view(count, 2, height, width)


def _argument(argument: _plan.Argument, names: list[str]) -> bytes:
    if argument is None:
        return struct.pack("<cIQ", b"p", 0xFFFFFFFF, 0)
    if isinstance(argument, At):
        return struct.pack("<cIQ", b"p", names.index(argument.buffer), 4 * argument.offset)
    kinds = {np.int32: ("i", "<i4x"), np.float32: ("f", "<f4x"), np.float64: ("d", "<d"), np.uint64: ("q", "<Q")}
    kind, layout = kinds[type(argument)]  # type: ignore[index]
    return struct.pack("<cI", kind.encode(), 0) + struct.pack(layout, argument)


def _has_fma() -> bool:
    info = Path("/proc/cpuinfo")
    return os.uname().machine == "x86_64" and info.exists() and " fma " in info.read_text()
