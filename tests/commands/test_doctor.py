"""What `amclip doctor` says of the ways that are taken by themselves."""

import pytest
import torch

from amclip.commands import doctor
from amclip.flow import _cuda
from amclip.flow._cut import Device


def test_it_says_which_kernels_precision_and_decoder_are_in_use() -> None:
    said = dict(doctor.in_use())
    ways = ["flow runs by", "precision", "attention runs by", "optimiser steps by", "the next batch"]
    assert list(said) == [*ways, "videos are decoded by"]
    assert "FFmpeg" in said["videos are decoded by"]
    assert "PyTorch's " in said["attention runs by"]
    assert "(float32)" in said["attention runs by"]
    if not torch.cuda.is_available():
        assert said["flow runs by"] == "numba, on the CPU"
        assert said["precision"].startswith("32-true (auto: no GPU")
        assert "AdamW, weight by weight" in said["optimiser steps by"]
        assert "after the step before it" in said["the next batch"]


def test_on_a_gpu_it_says_how_flow_is_cut_and_whether_there_is_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cuda, "describe", lambda index: Device(227 << 10, tuple(range(2, 17))))
    assert "clusters of 16 blocks at 224 × 224, clusters of 13 blocks at 256 × 340" in doctor._flow_in_use(gpu=True)
    monkeypatch.setattr(_cuda, "describe", lambda index: Device(227 << 10, tuple(range(2, 9))))
    assert "clusters of 8 blocks at 224 × 224, " in doctor._flow_in_use(gpu=True)
    assert "tiles at 256 × 340" in doctor._flow_in_use(gpu=True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for there, words in ((True, "bf16-mixed (auto: this GPU has bfloat16)"), (False, "32-true (auto: this GPU has no")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, there=there: there)
        said = doctor._precision_in_use()
        assert said.startswith(words)
        assert said.endswith("; float32 products on tensor cores (--trainer.float32_products high)")
    assert "on a side stream, beside the step before it" in doctor._batches_in_use(gpu=True)
    monkeypatch.setattr(torch.backends.cuda, "flash_sdp_enabled", lambda: False)
    assert doctor._attention_allowed() == ["memory-efficient", "cuDNN", "plain"]


def test_without_cuda_core_flow_on_a_gpu_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(index: int) -> Device:
        raise ModuleNotFoundError("no cuda-core")

    monkeypatch.setattr(_cuda, "describe", missing)
    assert "cuda-core is missing" in doctor._flow_in_use(gpu=True)


def test_the_flow_of_a_gpu_is_compared_with_the_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.flow_differs(torch.device("cpu")) == 0
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr("amclip.flow._cuda.compile_kernels", lambda arch: None)
    for apart, problem in ((1e-4, False), (0.3, True)):
        monkeypatch.setattr(doctor, "flow_differs", lambda device, apart=apart: apart)
        name, state, said = doctor._flow_on_gpu()
        assert name == "flow on GPU"
        assert f"{apart:.2g} pixels" in state
        assert (said is not None) == problem
