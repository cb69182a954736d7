"""What `amclip doctor` says of the ways that are taken by themselves."""

import pytest
import torch

from amclip.commands import doctor
from amclip.flow import _cuda
from amclip.flow._cut import Device


def test_it_says_which_kernels_precision_and_decoder_are_in_use() -> None:
    said = dict(doctor.in_use())
    assert list(said) == ["flow runs by", "precision", "attention runs by", "videos are decoded by"]
    assert "FFmpeg" in said["videos are decoded by"]
    assert "PyTorch's " in said["attention runs by"]
    assert "(float32)" in said["attention runs by"]
    if not torch.cuda.is_available():
        assert said["flow runs by"] == "numba, on the CPU"
        assert said["precision"].startswith("float32")


def test_on_a_gpu_it_says_how_flow_is_cut_and_whether_there_is_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cuda, "describe", lambda index: Device(227 << 10, tuple(range(2, 17))))
    assert "clusters of 16 blocks at 224 × 224, clusters of 13 blocks at 256 × 340" in doctor._flow_in_use(gpu=True)
    monkeypatch.setattr(_cuda, "describe", lambda index: Device(227 << 10, tuple(range(2, 9))))
    assert "clusters of 8 blocks at 224 × 224, " in doctor._flow_in_use(gpu=True)
    assert "tiles at 256 × 340" in doctor._flow_in_use(gpu=True)
    for there, words in ((True, "bfloat16 where --trainer.precision is bf16-mixed"), (False, "has no bfloat16")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, there=there: there)
        assert words in doctor._precision_in_use(gpu=True)


def test_without_cuda_core_flow_on_a_gpu_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(index: int) -> Device:
        raise ModuleNotFoundError("no cuda-core")

    monkeypatch.setattr(_cuda, "describe", missing)
    assert "cuda-core is missing" in doctor._flow_in_use(gpu=True)
