"""`amclip doctor`: what is installed, which devices and backends are there, what is missing."""

import importlib
import platform
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["decoding_fails", "doctor", "flow_differs"]

PACKAGES = (
    "torch",
    "torchvision",
    "lightning",
    "torchmetrics",
    "open_clip_torch",
    "timm",
    "kornia",
    "av",
    "opencv-contrib-python",
    "numba",
    "numpy",
    "jsonargparse",
    "tensorboard",
)
_FRAMES = ((224, 224), (256, 340))  # what networks see, and a whole frame of 4:3
_SAME_FLOW = 0.02  # pixels, in the mean of a pair: rounding, and where the iterations end


def doctor() -> None:
    """Print versions, devices and backends, and what is missing with the way to get it.

    Raises:
        SystemExit: With 1 where amclip cannot work as it is.
    """
    from rich.console import Console
    from rich.markup import escape  # of words such as amclip[cuda], which would be taken for a style
    from rich.table import Table

    from amclip.version import __version__

    console = Console()
    table = Table(title=f"amclip {__version__}", title_justify="left", show_header=False)
    table.add_row("Python", f"{platform.python_version()} ({sys.executable})")
    table.add_row("system", platform.platform())
    problems: list[str] = []
    installed: dict[str, str | None] = {name: _version(name) for name in PACKAGES}
    for name, version in installed.items():
        elsewhere = name.startswith("opencv") and version is None and _has_optflow()
        table.add_row(name, version or ("another OpenCV with contrib modules is there" if elsewhere else "missing"))
        if version is None and not elsewhere:
            problems.append(f"{name} is missing: pip install {name}")
    table.add_section()
    for name, state in _devices():
        table.add_row(name, escape(state))
    table.add_section()
    for name, state in in_use():
        table.add_row(name, escape(state))
    table.add_section()
    for name, state, fault in _backends():
        table.add_row(name, escape(state))
        if fault:
            problems.append(fault)
    console.print(table)
    problems += _conflicts()
    for problem in problems:
        console.print(f"• {problem}", style="bold red", highlight=False, markup=False)
    if problems:
        raise SystemExit(1)
    console.print("Everything that amclip needs is here.")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _has_optflow() -> bool:
    try:
        import cv2

        return hasattr(cv2.optflow, "DualTVL1OpticalFlow_create")
    except (ImportError, AttributeError):
        return False


def _devices() -> list[tuple[str, str]]:
    import torch

    from amclip.machine import usable_cores

    rows = [("CPU", f"{usable_cores()} cores, {torch.get_num_threads()} threads for PyTorch")]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            memory = properties.total_memory / 2**30
            rows.append(
                (f"GPU {index}", f"{properties.name}, {memory:.0f} GiB, compute {properties.major}.{properties.minor}")
            )
    else:
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        rows.append(("GPU", f"none that PyTorch can use (this PyTorch is {built}); training runs on the CPU"))
    free = shutil.disk_usage(".").free / 2**30
    rows.append(("free disk here", f"{free:.0f} GiB"))
    return rows


def in_use() -> list[tuple[str, str]]:
    """What runs on this machine by itself: which kernels of flow and attention, which precision, which decoder.

    Of the first GPU where there is one, else of the CPU.
    """
    import torch

    gpu = torch.cuda.is_available()
    return [
        ("flow runs by", _flow_in_use(gpu)),
        ("precision", _precision_in_use()),
        ("attention runs by", _attention_in_use("cuda" if gpu else "cpu")),
        ("optimiser steps by", "PyTorch's fused AdamW" if gpu else "AdamW, weight by weight (fused on a GPU of CUDA)"),
        ("the next batch", _batches_in_use(gpu)),
        ("videos are decoded by", _decoder_in_use()),
    ]


def _flow_in_use(gpu: bool) -> str:
    if not gpu:
        return "numba, on the CPU"
    from amclip.flow import _cuda
    from amclip.flow._cut import choose_cut
    from amclip.flow.reference import Parameters

    try:
        device = _cuda.describe(0)
    except ModuleNotFoundError:
        return "nothing: cuda-core is missing (see below)"
    ways = []
    for height, width in _FRAMES:
        cut = choose_cut(height, width, Parameters().inner_iterations, False, device)
        way = f"clusters of {cut.cluster} blocks" if cut.cluster > 1 else "single blocks"
        if cut.tiles != (1, 1):
            way = f"{cut.tiles[0]} × {cut.tiles[1]} tiles"
        ways.append(f"{way} at {height} × {width}")
    return f"amclip's CUDA kernels: {', '.join(ways)}"


def _precision_in_use() -> str:
    """What `precision: auto` is here, and how the trainer has float32 multiplied."""
    import inspect

    from amclip.precision import choose_precision as choose_for_inference
    from amclip.trainer import AmclipTrainer, choose_precision, on_cuda

    chosen, why = choose_precision("auto", "auto")
    if not on_cuda("auto"):
        return f"{chosen}{why}; annotate and suggest: {''.join(choose_for_inference('auto', gpu=False))}"
    products = inspect.signature(AmclipTrainer).parameters["float32_products"].default
    return f"{chosen}{why}; float32 products on tensor cores (--trainer.float32_products {products})"


def _batches_in_use(gpu: bool) -> str:
    if not gpu:
        return "is made ready after the step before it; on a GPU of CUDA beside it"
    return "is made ready on a side stream, beside the step before it (--trainer.side_stream)"


def _attention_in_use(device: str) -> str:
    """The kernel that PyTorch chooses for images of ViT-B/16 (197 tokens, 12 heads of 64)."""
    import torch
    from torch.nn.attention import SDPBackend

    kinds = {"cuda": (torch.bfloat16, torch.float32), "cpu": (torch.float32,)}[device]
    said = []
    for kind in kinds:
        tokens = torch.zeros(1, 12, 197, 64, dtype=kind, device=device)
        # The choice that scaled_dot_product_attention itself makes; there is no public name for it.
        chosen = SDPBackend(torch._fused_sdp_choice(tokens, tokens, tokens))
        said.append(f"{chosen.name.lower().replace('_', ' ')} ({str(kind).removeprefix('torch.')})")
    allowed = f"; allowed: {', '.join(_attention_allowed())}" if device == "cuda" else ""
    return f"PyTorch's {', '.join(said)}{allowed}"


def _attention_allowed() -> list[str]:
    """Kernels on a GPU that nothing has switched off."""
    import torch

    cuda: Any = torch.backends.cuda
    switches = {
        "flash": cuda.flash_sdp_enabled(),
        "memory-efficient": cuda.mem_efficient_sdp_enabled(),
        "cuDNN": cuda.cudnn_sdp_enabled(),
        "plain": cuda.math_sdp_enabled(),
    }
    return [name for name, on in switches.items() if on]


def _decoder_in_use() -> str:
    try:
        import av
    except (ImportError, OSError):
        return "nothing (see below)"
    return f"FFmpeg {av.ffmpeg_version_info} in PyAV, on the CPU (annotate and suggest: --decoder)"


def _backends() -> list[tuple[str, str, str | None]]:
    """Name, state and, where it does not work, what to do."""
    rows: list[tuple[str, str, str | None]] = []
    for name, module, remedy in (
        ("videos", "av", "pip install --force-reinstall av"),
        ("flow on CPU", "numba", "pip install --force-reinstall numba"),
    ):
        try:
            importlib.import_module(module)
            rows.append((name, f"{module} works", None))
        except (ImportError, OSError, SystemError, AttributeError) as error:
            rows.append((name, f"{module} fails: {error}", f"{module} cannot be imported ({error}): {remedy}"))
    if _has_optflow():
        rows.append(("flow by OpenCV", "contrib's DualTVL1 works", None))
    else:
        remedy = "pip uninstall the other opencv packages, then pip install --force-reinstall opencv-contrib-python"
        rows.append(("flow by OpenCV", "no DualTVL1", f"OpenCV has no DualTVL1: {remedy}"))
    rows.append(_flow_on_gpu())
    rows.append(("videos on GPU", _decoding_on_gpu(), None))  # nothing needs it
    return rows


def _decoding_on_gpu() -> str:
    """Whether `--decoder gpu` works here; in words, with what to do where it does not."""
    import torch

    from amclip.data.gpu_reader import why_no_gpu_decoder, why_no_torchcodec

    gpu = torch.cuda.is_available()
    why = why_no_gpu_decoder() if gpu else why_no_torchcodec()
    if why:
        return f"not by --decoder gpu: {why}"
    version = _version("torchcodec") or "of an unknown version"
    if not gpu:
        return f"torchcodec {version} is here; no GPU to decode on"
    reason = decoding_fails("cuda:0")
    return f"torchcodec {version} {'works' if not reason else f'does not decode here: {reason}'}"


def decoding_fails(device: str) -> str:
    """Why a drawn video of H.264 is not decoded by torchcodec as on the CPU; empty where it is.

    Args:
        device: PyTorch's name of the device.
    """
    import numpy as np

    from amclip.data.video import Video
    from amclip.data.video_file import VideoError
    from amclip.data.writer import VideoWriter

    drawn = np.zeros((64, 256, 256, 3), np.uint8)
    for number, frame in enumerate(drawn):
        frame[64:192, 2 * number : 2 * number + 96] = (200, 160, 120)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawn.mp4"
        with VideoWriter(path, 25, drawn.shape[1:3], crf=20) as writer:
            for frame in drawn:
                writer.write(frame)
        try:
            with Video(path, (224, 224), decode_on=device) as video:
                video.read_array(range(video.num_frames))
        except VideoError as error:
            return error.reason
    return ""


def _flow_on_gpu() -> tuple[str, str, str | None]:
    import torch

    from amclip.flow import _cuda

    name, needed = "flow on GPU", torch.cuda.is_available()
    try:
        arch = "{}{}".format(*torch.cuda.get_device_capability()) if needed else "80"
        _cuda.compile_kernels(arch)
        if not needed:
            return name, "kernels build; no GPU to run them", None
        apart = flow_differs(torch.device("cuda"))
        if apart <= _SAME_FLOW:
            return name, f"kernels build for sm_{arch} and agree with the CPU to {apart:.2g} pixels", None
        said = f"differs from the CPU's by {apart:.2g} pixels"
        return name, said, f"the flow of this GPU {said}: compute it on the CPU, and please report it with this list"
    except ModuleNotFoundError as error:
        return name, "no cuda-core (needed with a GPU only)", str(error) if needed else None
    except Exception as error:  # NVRTC's errors have many types
        reason = " ".join(str(error).split())[:200]
        return name, "kernels do not build", f"TV-L1's kernels do not build: {reason}" if needed else None


def flow_differs(device: "torch.device") -> float:
    """How far the flow of a device is from the CPU's, on drawn pairs of the shapes that kernels treat apart.

    Returns:
        The greatest mean distance of a pair, pixels.
    """
    import torch

    from amclip.flow import TVL1

    apart = 0.0
    for height, width in ((64, 80), *_FRAMES):
        rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        waves = [torch.sin((columns + shift) / 5) * torch.cos((rows - shift) / 7) for shift in (0.0, 1.5)]
        pairs = ((torch.stack(waves) + 1) * 127).byte()[None, :, None]
        flow = TVL1.preset("default")
        apart = max(apart, float((flow(pairs.to(device)).cpu() - flow(pairs)).norm(dim=1).mean()))
    return apart


def _conflicts() -> list[str]:
    """Distributions that overwrite each other's files."""
    found = []
    names = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
    opencv = [name for name in names if _version(name)]
    if len(opencv) > 1:
        found.append(
            f"{' and '.join(opencv)} are installed together and overwrite each other: "
            f"pip uninstall -y {' '.join(opencv)} && pip install opencv-contrib-python"
        )
    return found
