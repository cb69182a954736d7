"""From animal video to behaviour labels: CLIP on interleaved frames and optical flow, with PyTorch Lightning.

The public names are imported when first used, so ``import amclip`` is quick and starts neither a decoder nor a
compiler.
"""

from typing import TYPE_CHECKING

from amclip.lazy import lazy_names
from amclip.version import __version__

if TYPE_CHECKING:
    from amclip.augmentation import Augmentation
    from amclip.data.datamodule import VideoDataModule
    from amclip.data.source import LabelSource, Splits
    from amclip.data.stored.settings import StoredEmbeddings
    from amclip.flow.image import encode_flow
    from amclip.flow.tvl1 import TVL1
    from amclip.inference import TrainedModel, load_model
    from amclip.inputs import CropInput, FlowInput, NetworkInput
    from amclip.models.classifier import InterleavedClassifier
    from amclip.models.config import NetworkConfig
    from amclip.optimiser import Optimiser
    from amclip.preprocess import Preprocess
    from amclip.task import BehaviourTask

__all__ = [
    "TVL1",
    "Augmentation",
    "BehaviourTask",
    "CropInput",
    "FlowInput",
    "InterleavedClassifier",
    "LabelSource",
    "NetworkConfig",
    "NetworkInput",
    "Optimiser",
    "Preprocess",
    "Splits",
    "StoredEmbeddings",
    "TrainedModel",
    "VideoDataModule",
    "__version__",
    "encode_flow",
    "load_model",
]

_HOMES = {
    "Augmentation": "amclip.augmentation",
    "BehaviourTask": "amclip.task",
    "CropInput": "amclip.inputs",
    "FlowInput": "amclip.inputs",
    "InterleavedClassifier": "amclip.models.classifier",
    "LabelSource": "amclip.data.source",
    "NetworkConfig": "amclip.models.config",
    "NetworkInput": "amclip.inputs",
    "Optimiser": "amclip.optimiser",
    "Preprocess": "amclip.preprocess",
    "Splits": "amclip.data.source",
    "StoredEmbeddings": "amclip.data.stored.settings",
    "TVL1": "amclip.flow.tvl1",
    "TrainedModel": "amclip.inference",
    "VideoDataModule": "amclip.data.datamodule",
    "encode_flow": "amclip.flow.image",
    "load_model": "amclip.inference",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
