"""Every kernel compiles for every GPU architecture, on any machine, within a budget of registers and spills."""

import io
import re
from pathlib import Path

import pytest
import torch

from amclip.flow import _cuda

pytest.importorskip("cuda.core")
if torch.version.cuda is None:
    pytest.skip("NVRTC comes with PyTorch's CUDA builds", allow_module_level=True)

ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")

#: Registers per thread and spilled bytes at most. A block of 256 threads has 65536 registers to share, so 255 each;
#: up to 64 and an SM holds 1024 threads. The spills of the last two are a few words outside of the innermost loop.
BUDGET = {
    "grey_from_bytes": (32, 0),
    "grey_from_floats": (32, 0),
    "downscale": (40, 0),
    "upsample": (48, 0),
    "make_texels": (32, 0),
    "linearise": (80, 0),
    "median_3": (48, 0),
    "median_5": (64, 0),
    "iterate_block": (208, 0),
    "iterate_until": (255, 64),
    "iterate_cluster": (255, 160),
    "keep_book": (80, 0),
}
REPORT = re.compile(
    r"Function properties for (\w+)\n.*?(\d+) bytes spill stores, (\d+) bytes spill loads\n.*?Used (\d+) registers"
)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_kernel_stays_within_its_budget(arch: str) -> None:
    log = io.StringIO()
    code = _cuda.compile_kernels(arch, logs=log)
    assert bytes(code.code)[:4] == b"\x7fELF"
    found = {
        name: (int(registers), max(int(stores), int(loads)))
        for name, stores, loads, registers in REPORT.findall(log.getvalue())
    }
    clusters = {"iterate_cluster"} if int(arch) >= 90 else set()
    assert found.keys() == BUDGET.keys() - {"iterate_cluster"} | clusters
    over = {name: used for name, used in found.items() if used[0] > BUDGET[name][0] or used[1] > BUDGET[name][1]}
    assert over == {}


def test_machine_code_is_kept_and_found_again(tmp_path: Path) -> None:
    first = bytes(_cuda.compile_kernels("80", cache=tmp_path).code)
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size == len(first)]
    assert len(kept) == 1
    assert bytes(_cuda.compile_kernels("80", cache=tmp_path).code) == first
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size == len(first)] == kept
    _cuda.compile_kernels("90", cache=tmp_path)
    assert len([path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 1000]) == 2


@pytest.mark.parametrize("left", [0, 1000, 0.9])
def test_damaged_machine_code_is_made_anew(tmp_path: Path, left: float) -> None:
    whole = bytes(_cuda.compile_kernels("80", cache=tmp_path).code)
    assert _cuda.is_whole(whole)
    (kept,) = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size == len(whole)]
    kept.write_bytes(whole[: int(left * len(whole)) if left < 1 else int(left)])
    assert bytes(_cuda.compile_kernels("80", cache=tmp_path).code) == whole
    assert bytes(_cuda.compile_kernels("80", cache=tmp_path).code) == whole


def test_the_cache_is_the_users_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert _cuda.cache_folder() == tmp_path / "amclip" / "kernels"
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert _cuda.cache_folder() is None
