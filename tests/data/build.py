"""Data modules, tasks and what they are made of, from settings by their bare names."""

from dataclasses import fields
from typing import Any

from amclip.augmentation import Augmentation
from amclip.data.datamodule import VideoDataModule
from amclip.data.source import LabelSource, Splits
from amclip.data.views import Views
from amclip.inputs import FlowInput, NetworkInput
from amclip.models.classifier import InterleavedClassifier
from amclip.models.config import HeadConfig, NetworkConfig, TemporalConfig, TuningConfig
from amclip.optimiser import Optimiser
from amclip.task import BehaviourTask


def take(of: Any, settings: dict[str, Any], prefix: str = "", /, **made: Any) -> Any:
    """An object of a class from those of the settings that are its fields; they are taken out."""
    names = {f"{prefix}{field.name}": field.name for field in fields(of)}
    found = {names[name]: settings.pop(name) for name in list(settings) if name in names}
    return of(**{**found, **made})


def make_input(settings: dict[str, Any]) -> NetworkInput:
    """``flow_gap`` is ``flow.gap`` and so on; ``flow`` is ``flow.method``."""
    method = settings.pop("flow", None)
    return take(NetworkInput, settings, flow=take(FlowInput, settings, "flow_", method=method))


def make_network(settings: dict[str, Any]) -> NetworkConfig:
    """``temporal_heads`` is ``temporal.heads`` and so on; ``temporal`` and ``head`` are their kinds."""
    kinds = {name: {"kind": settings.pop(name)} if name in settings else {} for name in ("temporal", "head")}
    temporal = take(TemporalConfig, settings, "temporal_", **kinds["temporal"])
    head = take(HeadConfig, settings, **kinds["head"])
    return take(NetworkConfig, settings, temporal=temporal, head=head, tuning=take(TuningConfig, settings))


def make_data(**settings: Any) -> VideoDataModule:
    """``split_by`` is ``splits.by``, ``temporal_views`` is ``views.temporal``; all others have their own names."""
    views = {f.name: settings.pop(f"{f.name}_views") for f in fields(Views) if f"{f.name}_views" in settings}
    val_fraction = {name: settings.pop(name) for name in ("val_fraction",) if name in settings}
    parts: dict[str, Any] = {
        "input": make_input(settings),
        "splits": take(Splits, settings, "split_", **val_fraction),
        "source": take(LabelSource, settings),
        "augmentation": take(Augmentation, settings),
        "views": Views(**views),
    }
    return VideoDataModule(**parts, **settings)


def make_task(classes: list[str], settings: dict[str, Any]) -> BehaviourTask:
    """The input of a data module, and the rest by bare names."""
    seen = settings.pop("input", None) or make_input(settings)
    parts = {"network": make_network(settings), "optimiser": take(Optimiser, settings)}
    return BehaviourTask(classes, seen, **parts, **settings)


def make_classifier(architecture: dict[str, Any], num_classes: int, **settings: Any) -> InterleavedClassifier:
    """A network in evaluation mode of an image tower that was looked up."""
    config = make_network({"architecture": architecture, **settings})
    shape = ("num_segments", "positions_per_segment", "num_streams", "motion")
    return InterleavedClassifier(
        config, num_classes, **{name: settings[name] for name in shape if name in settings}
    ).eval()
