"""`amclip doctor`: what is installed, which devices and backends are there, what is missing."""

import importlib
import os
import platform
import shutil
import sys
from importlib import metadata

__all__ = ["doctor"]

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


def doctor() -> None:
    """Print versions, devices and backends, and what is missing with the way to get it.

    Raises:
        SystemExit: With 1 where amclip cannot work as it is.
    """
    from rich.console import Console
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
        table.add_row(name, state)
    table.add_section()
    for name, state, fault in _backends():
        table.add_row(name, state)
        if fault:
            problems.append(fault)
    console.print(table)
    problems += _conflicts()
    for problem in problems:
        console.print(f"• {problem}", style="bold red", highlight=False)
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

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    rows = [("CPU", f"{cores} cores, {torch.get_num_threads()} threads for PyTorch")]
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
    return rows


def _flow_on_gpu() -> tuple[str, str, str | None]:
    import torch

    from amclip.flow import _cuda

    name, needed = "flow on GPU", torch.cuda.is_available()
    try:
        arch = "{}{}".format(*torch.cuda.get_device_capability()) if needed else "80"
        _cuda.compile_kernels(arch)
        return name, f"kernels build for sm_{arch}" if needed else "kernels build; no GPU to run them", None
    except ModuleNotFoundError as error:
        return name, "no cuda-core (needed with a GPU only)", str(error) if needed else None
    except Exception as error:  # NVRTC's errors have many types
        reason = " ".join(str(error).split())[:200]
        return name, "kernels do not build", f"TV-L1's kernels do not build: {reason}" if needed else None


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
