"""TV-L1 on CUDA GPUs: compiles ``tvl1.cu`` when first needed and carries out the plans of :mod:`amclip.flow._plan`.

Kernels are compiled by NVRTC through cuda-core for the very GPU at hand, without a toolkit or a compiler, and kept on
disk; processes may share that folder. Kernels are launched and not waited for, so calls can be captured in CUDA graphs;
shapes that come again are captured here, at their second call, which is the one moment that waits for the GPU.
"""

import os
import struct
import warnings
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from amclip.flow import _plan
from amclip.flow._cut import Device
from amclip.flow._plan import At, Buffer, Plan
from amclip.flow.reference import Parameters

if TYPE_CHECKING:
    from cuda.core import Kernel, ObjectCode

SOURCE = Path(__file__).with_name("tvl1.cu")
#: Workspace of one call at most, in bytes (but room for one pair); larger batches are computed in parts. At 224 × 224
#: this is 118 pairs.
WORKSPACE_BYTES = 512 << 20
# PyTorch captures one graph at a time in a process, and a cache does not keep two threads from making the same entry.
_making = Lock()
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
        try:
            parts = [_part(part, parameters, index) for part in torch.split(pairs, at_once)]
        except torch.OutOfMemoryError as error:
            need = min(at_once, count) * per_pair
            raise torch.OutOfMemoryError(
                f"TV-L1 needs a workspace of {need / 2**20:.0f} MiB for {min(at_once, count)} pairs of {height} × "
                f"{width} pixels: give it smaller images or fewer at once ({error})"
            ) from error
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _part(pairs: Tensor, parameters: Parameters, index: int) -> Tensor:
    stream = torch.cuda.current_stream(index).cuda_stream
    with _making:
        call = _call(pairs.shape[0], pairs.shape[2], pairs.dtype, *pairs.shape[3:], parameters, index, stream)
    return call(pairs)


# ----------------------------------------------------------------------------------------------------------- carry out


class Call:
    """The flow of one shape on one stream: launched kernel by kernel the first time, from then on as one CUDA graph."""

    def __init__(self, plan: Plan, shape: tuple[int, ...], index: int, pool: Any) -> None:
        self.index, self.pool = index, pool
        self.result_shape = (shape[0], 2, *shape[3:])
        self.offsets: dict[Buffer, int] = {}
        self.elements = 0
        for name, elements in plan.buffers.items():
            self.offsets[name] = self.elements
            self.elements += -(-elements // ALIGNMENT) * ALIGNMENT
        self.control = plan.buffers.get("control", 0)
        self.launches = [_prepare(launch, index) for launch in plan.launches]
        self.calls = 0
        self.lock = Lock()  # of two threads on one stream: the graph's input is one tensor
        self.graph: torch.cuda.CUDAGraph | None = None
        self.refused = False
        self.graph_pairs = self.graph_result = torch.empty(0)

    def __call__(self, pairs: Tensor) -> Tensor:
        if torch.cuda.is_current_stream_capturing():  # somebody else's graph: become a part of it
            return self.launch(pairs)
        with self.lock:
            self.calls += 1
            if self.calls == 1:
                return self.launch(pairs)
            if self.graph is None and not self.refused:
                try:
                    with _making:
                        self._capture(pairs)
                except RuntimeError as error:
                    self.refused = True
                    warnings.warn(
                        f"TV-L1 is launched kernel by kernel, as it cannot be captured: {error}", stacklevel=2
                    )
            if self.graph is None:
                return self.launch(pairs)
            self.graph_pairs.copy_(pairs)
            self.graph.replay()
            return self.graph_result.clone()

    def _capture(self, like: Tensor) -> None:
        graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(False):  # or the graph's tensors could not be written to outside of that mode
            self.graph_pairs = torch.empty(like.shape, dtype=like.dtype, device=like.device)
            # PyTorch's own stream for captures lies on the first device that captured. Other threads (of a loader that
            # pins memory) may use CUDA meanwhile.
            stream: Any = torch.cuda.Stream(self.index)  # type: ignore[no-untyped-call]
            with torch.cuda.graph(graph, pool=self.pool, stream=stream, capture_error_mode="thread_local"):
                self.graph_result = self.launch(self.graph_pairs)
        self.graph = graph

    def launch(self, pairs: Tensor) -> Tensor:
        """Every kernel, on the current stream."""
        from cuda.core import launch

        result = torch.empty(self.result_shape, dtype=torch.float32, device=pairs.device)
        # Freed on return, though the kernels still run: memory is handed out again in the stream's order.
        workspace = torch.empty(self.elements, dtype=torch.float32, device=pairs.device)
        if self.control:
            workspace[self.offsets["control"] :][: self.control].zero_()
        start = {name: workspace.data_ptr() + 4 * offset for name, offset in self.offsets.items()}
        start |= {"pairs": pairs.data_ptr(), "result": result.data_ptr()}
        stream = _stream(torch.cuda.current_stream(self.index).cuda_stream)
        for config, kernel, arguments in self.launches:
            launch(stream, config, kernel, *(_value(argument, start) for argument in arguments))
        return result


# Bounded: each graph holds its images and its result; the workspace lies in a pool that graphs of a stream share.
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
    return Call(plan, (count, 2, channels, height, width), index, _pool(index, stream))


@cache
def _pool(index: int, stream: int) -> Any:
    """Memory for the graphs of one stream: they run one after the other, so what one has done with, another can use."""
    return torch.cuda.graph_pool_handle()


@cache
def _stream(handle: int) -> Any:
    """A stream of PyTorch's as cuda-core's; PyTorch keeps its streams as long as the process lives."""
    return _core().Stream.from_handle(handle)


def _value(argument: _plan.Argument, start: dict[Buffer, int]) -> Any:
    if isinstance(argument, At):
        return start[argument.buffer] + 4 * argument.offset
    return 0 if argument is None else argument


def _prepare(launch: _plan.Launch, index: int) -> tuple[Any, "Kernel", tuple[_plan.Argument, ...]]:
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
    return config, _kernel(launch.kernel, index), launch.arguments


# ------------------------------------------------------------------------------------------------------------- compile


@cache
def describe(index: int) -> Device:
    """What plans must know of a GPU."""
    properties = _core().Device(index).properties
    return Device(properties.max_shared_memory_per_block_optin, properties.compute_capability_major >= 9)


@cache
def _kernel(name: str, index: int) -> "Kernel":
    """A kernel, ready for one device."""
    from cuda.bindings import driver

    device = _core().Device(index)
    device.set_current()
    kernel = _kernels(index).get_kernel(name)
    # More than 48 KiB of shared memory per block must be asked for.
    attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    (status,) = driver.cuKernelSetAttribute(attribute, describe(index).shared_bytes, int(kernel.handle), index)
    if status != driver.CUresult.CUDA_SUCCESS:
        raise RuntimeError(f"TV-L1's kernel {name} cannot have its shared memory on GPU {index}: {status}")
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
