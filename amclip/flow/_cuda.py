"""TV-L1 on CUDA GPUs: compiles ``tvl1.cu`` when first needed and carries out the plans of :mod:`amclip.flow._plan`.

Kernels are compiled by NVRTC through cuda-core for the very GPU at hand, without a toolkit or a compiler, and kept on
disk; processes may share that folder. Kernels are launched and not waited for, so calls can be captured in CUDA graphs;
shapes that come again are captured here, at their second call, which is the one moment that waits for the GPU.
"""

import os
import struct
import warnings
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from amclip.flow import _plan
from amclip.flow._cut import MOST_THREADS, TALL, Device
from amclip.flow._plan import At, Buffer, Plan
from amclip.flow.reference import Parameters

if TYPE_CHECKING:
    from cuda.core import Kernel, ObjectCode

    Prepared = tuple[Any, Kernel, tuple[_plan.Argument, ...]]

SOURCE = Path(__file__).with_name("tvl1.cu")
#: Workspace of one call at most, in bytes (but room for one pair); larger batches are computed in parts. At 224 × 224
#: this is 118 pairs.
WORKSPACE_BYTES = 512 << 20
# PyTorch captures one graph at a time in a process, and a cache does not keep two threads from making the same entry.
_making = Lock()
#: Eight form a cluster on every GPU that has clusters, more on most of those of data centres, where they are asked for.
MOST_BLOCKS_PER_CLUSTER = 16
#: Where one field of the workspace ends and the next begins, in 4-byte elements.
ALIGNMENT = 64


def flow(pairs: Tensor, parameters: Parameters) -> Tensor:
    """Twin of :func:`amclip.flow.reference.flow` for pixels on a CUDA device, on its current stream.

    Args:
        pairs: ``(N, 2, C, H, W)`` with C = 1 or 3, uint8 in [0, 255] or floating point in [0, 1] (computed in float32).
            Copied if not contiguous.
        parameters: TV-L1's.

    Returns:
        Float32, ``(N, 2, H, W)``, on the same device.

    Raises:
        ModuleNotFoundError: If cuda-core is not installed.
        torch.OutOfMemoryError: If there is not even room for the workspace; the message says how much that is.
    """
    index = pairs.device.index if pairs.device.index is not None else torch.cuda.current_device()
    if pairs.dtype != torch.uint8:
        pairs = pairs.float()
    pairs = pairs.contiguous()
    count, _, _, height, width = pairs.shape
    with torch.cuda.device(index):
        per_pair = 4 * _plan.workspace_elements(height, width, parameters, describe(index))
        at_once = min(max(WORKSPACE_BYTES // per_pair, 1), _plan.MOST_PAIRS)
        at_once = -(-count // max(1, -(-count // at_once)))  # as many in each part
        try:
            result = torch.empty(count, 2, height, width, dtype=torch.float32, device=pairs.device)
            for part, to in zip(torch.split(pairs, max(at_once, 1)), torch.split(result, max(at_once, 1)), strict=True):
                _part(part, to, parameters, index)
        except torch.OutOfMemoryError as error:
            need = min(at_once, count) * per_pair
            raise torch.OutOfMemoryError(
                f"TV-L1 needs a workspace of {need / 2**20:.0f} MiB for {min(at_once, count)} pairs of {height} × "
                f"{width} pixels: give it smaller images or fewer at once ({error})"
            ) from error
    return result


def _part(pairs: Tensor, result: Tensor, parameters: Parameters, index: int) -> None:
    stream = torch.cuda.current_stream(index).cuda_stream
    with _making:
        call = _call(pairs.shape[0], pairs.shape[2], pairs.dtype, *pairs.shape[3:], parameters, index, stream)
    call(pairs, result)


# ----------------------------------------------------------------------------------------------------------- carry out


class Call:
    """The flow of one shape on one stream: launched kernel by kernel the first time, from then on mostly as a graph.

    The kernels that read the pairs or write the result are no part of the graph: they get the caller's own tensors, so
    nothing is copied. Between them and the graph nothing else may use the workspace, hence one lock per stream.
    """

    def __init__(self, plan: Plan, index: int, lane: "Lane") -> None:
        self.index, self.lane = index, lane
        self.offsets: dict[Buffer, int] = {}
        self.elements = 0
        for name, elements in plan.buffers.items():
            self.offsets[name] = self.elements
            self.elements += -(-elements // ALIGNMENT) * ALIGNMENT
        self.control = plan.buffers.get("control", 0)
        given = [any(isinstance(a, At) and a.buffer in ("pairs", "result") for a in x.arguments) for x in plan.launches]
        begin, end = given.index(False), len(given) - given[::-1].index(False)
        self.launches = [_prepare(launch, index) for launch in plan.launches]
        self.first, self.middle, self.last = self.launches[:begin], self.launches[begin:end], self.launches[end:]
        self.calls = 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.refused = False
        self.start: dict[Buffer, int] = {}  # of the graph's workspace

    def __call__(self, pairs: Tensor, result: Tensor) -> None:
        if torch.cuda.is_current_stream_capturing():  # somebody else's graph: become a part of it
            return self.launch(pairs, result)
        with self.lane.lock:
            self.calls += 1
            if self.calls == 1:
                return self.launch(pairs, result)
            if self.graph is None and not self.refused:
                try:
                    with _making:
                        self._capture(pairs.device)
                except RuntimeError as error:
                    self.refused = True
                    warnings.warn(
                        f"TV-L1 is launched kernel by kernel, as it cannot be captured: {error}", stacklevel=2
                    )
            if self.graph is None:
                return self.launch(pairs, result)
            start: dict[Buffer, int] = {**self.start, "pairs": pairs.data_ptr(), "result": result.data_ptr()}
            self._run(self.first, start)
            self.graph.replay()
            return self._run(self.last, start)

    def _capture(self, device: torch.device) -> None:
        graph = torch.cuda.CUDAGraph()
        # PyTorch's own stream for captures lies on the first device that captured. Other threads (of a loader that
        # pins memory) may use CUDA meanwhile.
        stream: Any = torch.cuda.Stream(self.index)  # type: ignore[no-untyped-call]
        with torch.cuda.graph(graph, pool=self.lane.pool, stream=stream, capture_error_mode="thread_local"):
            _, self.start = self._workspace(device)
            self._run(self.middle, self.start)
        self.graph = graph

    def _workspace(self, device: torch.device) -> tuple[Tensor, dict[Buffer, int]]:
        """Memory and where its fields begin. Others get it again once it is let go of, in the stream's order."""
        workspace = torch.empty(self.elements, dtype=torch.float32, device=device)
        if self.control:
            workspace[self.offsets["control"] :][: self.control].zero_()
        return workspace, {name: workspace.data_ptr() + 4 * offset for name, offset in self.offsets.items()}

    def launch(self, pairs: Tensor, result: Tensor) -> None:
        """Every kernel, on the current stream; both tensors are contiguous."""
        workspace, start = self._workspace(pairs.device)
        self._run(self.launches, {**start, "pairs": pairs.data_ptr(), "result": result.data_ptr()})
        del workspace  # the kernels still run

    def _run(self, launches: list["Prepared"], start: dict[Buffer, int]) -> None:
        from cuda.core import launch

        stream = _stream(torch.cuda.current_stream(self.index).cuda_stream)
        for config, kernel, arguments in launches:
            launch(stream, config, kernel, *(_value(argument, start) for argument in arguments))


# Bounded, though graphs are small: the workspace lies in a pool that those of a stream share.
@lru_cache(maxsize=8)
def _call(
    count: int,
    channels: int,
    dtype: torch.dtype,
    height: int,
    width: int,
    parameters: Parameters,
    index: int,
    stream: int,
) -> Call:
    plan = _plan.make_plan(count, channels, dtype == torch.uint8, height, width, parameters, describe(index))
    return Call(plan, index, _lane(index, stream))


@dataclass(frozen=True)
class Lane:
    """What the calls on one stream share: as they run one after the other, what one has done with, another can use."""

    pool: Any
    lock: Any = field(default_factory=Lock)


@cache
def _lane(index: int, stream: int) -> Lane:
    return Lane(torch.cuda.graph_pool_handle())


@cache
def _stream(handle: int) -> Any:
    """A stream of PyTorch's as cuda-core's; PyTorch keeps its streams as long as the process lives."""
    return _core().Stream.from_handle(handle)


def _value(argument: _plan.Argument, start: dict[Buffer, int]) -> Any:
    if isinstance(argument, At):
        return start[argument.buffer] + 4 * argument.offset
    return 0 if argument is None else argument


def _prepare(launch: _plan.Launch, index: int) -> "Prepared":
    from cuda.core import LaunchConfig

    x, y, z = launch.grid
    if launch.cluster > 1:  # cuda-core counts the grid in clusters then
        config = LaunchConfig(
            grid=(x, y // launch.cluster, z),
            cluster=(1, launch.cluster, 1),
            block=launch.block,
            shmem_size=launch.shared,
        )
    else:
        config = LaunchConfig(grid=(x, y, z), block=launch.block, shmem_size=launch.shared)
    return config, _kernel(launch.kernel, index, describe(index).shared_bytes), launch.arguments


# ------------------------------------------------------------------------------------------------------------- compile


@cache
def describe(index: int) -> Device:
    """What plans must know of a GPU."""
    properties = _core().Device(index).properties
    shared_bytes = properties.max_shared_memory_per_block_optin
    clusters = _clusters(index, shared_bytes) if properties.compute_capability_major >= 9 else ()
    return Device(shared_bytes, clusters, properties.multiprocessor_count)


def _clusters(index: int, shared_bytes: int) -> tuple[int, ...]:
    """How many of the largest blocks can form a cluster on this very GPU: its groups of SMs are not all as large."""
    from cuda.bindings import driver

    kernel = driver.CUfunction(int(_kernel("iterate_cluster", index, shared_bytes).handle))
    found = []
    for blocks in range(2, MOST_BLOCKS_PER_CLUSTER + 1):
        size = driver.CUlaunchAttribute()
        size.id = driver.CUlaunchAttributeID.CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION
        size.value.clusterDim.x, size.value.clusterDim.y, size.value.clusterDim.z = 1, blocks, 1
        config = driver.CUlaunchConfig()
        config.gridDimX, config.gridDimY, config.gridDimZ = 1, blocks, 1
        config.blockDimX, config.blockDimY, config.blockDimZ = MOST_THREADS[TALL], 1, 1
        config.sharedMemBytes = shared_bytes
        config.attrs, config.numAttrs = [size], 1
        status, clusters = driver.cuOccupancyMaxActiveClusters(kernel, config)
        if status == driver.CUresult.CUDA_SUCCESS and clusters:
            found.append(blocks)
    return tuple(found)


@cache
def _kernel(name: str, index: int, shared_bytes: int) -> "Kernel":
    """A kernel, ready for one device and as much shared memory."""
    from cuda.bindings import driver

    device = _core().Device(index)
    device.set_current()
    kernel = _kernels(index).get_kernel(name)
    attributes = driver.CUfunction_attribute
    # More than 48 KiB of shared memory per block must be asked for, and so must more than 8 blocks per cluster. Strips
    # of one pair wait for each other, so the two blocks of an SM had better be of two pairs.
    wanted = {attributes.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: shared_bytes}
    if "cluster" in name:
        wanted[attributes.CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED] = 1
        spread = driver.CUclusterSchedulingPolicy.CU_CLUSTER_SCHEDULING_POLICY_SPREAD
        wanted[attributes.CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE] = int(spread)
    for attribute, value in wanted.items():
        (status,) = driver.cuKernelSetAttribute(attribute, value, int(kernel.handle), index)
        if status != driver.CUresult.CUDA_SUCCESS:
            raise RuntimeError(f"TV-L1's kernel {name} cannot have {attribute.name} on GPU {index}: {status}")
    return kernel


@cache
def _kernels(index: int) -> "ObjectCode":
    return compile_kernels(str(_core().Device(index).arch), cache=cache_folder())


def compile_kernels(arch: str, cache: Path | None = None, logs: Any = None) -> "ObjectCode":
    """``tvl1.cu`` as machine code; needs NVRTC, but neither a GPU nor a driver.

    Args:
        arch: Compute capability without the dot, such as ``"90"``.
        cache: Folder that keeps the result; processes may share it.
        logs: Has a ``write`` method for what the compiler says of registers and spills.
    """
    core = _core()
    options = core.ProgramOptions(
        name="tvl1",
        arch=f"sm_{arch}",
        std="c++17",
        fma=False,  # fused only where written, so that masked and unmasked code give the same bits
        ftz=True,
        prec_div=False,
        prec_sqrt=False,
        ptxas_options=["-v"] if logs is not None else None,
    )
    program = core.Program(_plan.networks_source() + SOURCE.read_text(encoding="utf-8"), "c++", options)
    if cache is None:
        return program.compile("cubin", logs=logs)
    from cuda.core.utils import FileStreamProgramCache

    with FileStreamProgramCache(cache) as kept:
        code = program.compile("cubin", cache=kept)
    if is_whole(bytes(code.code)):
        return code
    for path in cache.rglob("*"):  # a file cut short, by a full disk or a copy that was interrupted
        if path.is_file() and path.read_bytes() == bytes(code.code):
            path.unlink()
    with FileStreamProgramCache(cache) as kept:
        return program.compile("cubin", cache=kept)


def is_whole(code: bytes) -> bool:
    """Whether machine code (64-bit ELF) reaches as far as its header says."""
    if len(code) < 64 or code[:4] != b"\x7fELF":
        return False
    (start,) = struct.unpack_from("<Q", code, 0x28)  # of the table of sections, which ends the file or nearly so
    size, count = struct.unpack_from("<HH", code, 0x3A)
    return bool(start + size * count <= len(code))


def cache_folder() -> Path | None:
    """Where machine code is kept: ``amclip/kernels`` in the user's cache; nowhere if that cannot be written."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "amclip" / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def _core() -> Any:
    try:
        import cuda.core
    except ImportError as error:
        raise ModuleNotFoundError(
            f'TV-L1 on the GPU needs cuda-core: pip install "amclip[cuda]" ({error}; if cuda-core is there, its '
            'bindings are not: pip install "cuda-core[cu12]" or [cu13], whichever PyTorch is built for). Without it, '
            'compute flow on the CPU (backend="numba") or, slowly, by TVL1(backend="reference")'
        ) from error
    return cuda.core
