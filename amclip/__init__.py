"""From animal video to behaviour labels: CLIP on interleaved frames and optical flow, with PyTorch Lightning.

The public names are imported when first used, so ``import amclip`` is quick and starts neither a decoder nor a
compiler.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from amclip.data.datamodule import VideoDataModule
    from amclip.flow.image import encode_flow
    from amclip.flow.tvl1 import TVL1
    from amclip.inference import load_model
    from amclip.models.classifier import InterleavedClassifier
    from amclip.preprocess import Preprocess
    from amclip.task import BehaviourTask

__version__ = "0.1.0"

__all__ = [
    "TVL1",
    "BehaviourTask",
    "InterleavedClassifier",
    "Preprocess",
    "VideoDataModule",
    "encode_flow",
    "load_model",
]

_HOMES = {
    "BehaviourTask": "amclip.task",
    "InterleavedClassifier": "amclip.models.classifier",
    "Preprocess": "amclip.preprocess",
    "TVL1": "amclip.flow.tvl1",
    "VideoDataModule": "amclip.data.datamodule",
    "encode_flow": "amclip.flow.image",
    "load_model": "amclip.inference",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'amclip' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
