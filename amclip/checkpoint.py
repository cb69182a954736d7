"""Checkpoints on disk: written whole, sealed by a digest, opened with suspicion, and refused in words.

What a checkpoint of `amclip fit` holds is plain values and tensors: task and data module write their class and their
arguments where Lightning keeps hyperparameters, and what was learned of the data (class counts, calibration, length of
clips) is below the key ``amclip``. It may come from anywhere, be damaged, or be of another program or version;
everything that opens one goes through here.
"""

import hashlib
import os
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from torch import Tensor

from amclip.atomic import replacing
from amclip.plain import Configurable, class_path, parameters, resolve_class, to_plain

__all__ = [
    "ALLOWED_CLASSES",
    "CLASS_KEY",
    "DATA_KEY",
    "KNOWLEDGE_KEY",
    "TASK_KEY",
    "SealedCheckpointIO",
    "check_complete",
    "check_settings",
    "check_weights",
    "described",
    "hyperparameters",
    "read_checkpoint",
    "save_checkpoint",
]

DATA_KEY = "datamodule_hyper_parameters"
TASK_KEY = "hyper_parameters"
KNOWLEDGE_KEY = "amclip"
CLASS_KEY = "_class_path"  # Lightning's own name for it
ALLOWED_CLASSES = "AMCLIP_ALLOWED_CLASSES"
"""Environment variable: classes outside of amclip that a checkpoint may name, or their modules, with commas between."""

_VERSION_KEY = "pytorch-lightning_version"
_STATE_OF_TRAINING = ("epoch", "global_step", "optimizer_states", "lr_schedulers", "loops")

# The digest is the comment of the ZIP archive that a checkpoint is: readers pass over it, and copies keep it.
_MARK = b"amclip sha256 "
_SEAL = len(_MARK) + 64
_BLOCK = 1 << 20


def hyperparameters(made: Configurable) -> dict[str, Any]:
    """What Lightning shall keep of a task or a data module: its arguments in plain values, and its class.

    Raises:
        TypeError: If an argument cannot be kept.
    """
    plain = to_plain(made)
    return {CLASS_KEY: class_path(type(made)), **plain["init_args"]}


def described(hyper_parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The same as ``class_path`` and ``init_args``, as config files and :func:`amclip.plain.from_plain` have it."""
    init_args = {name: value for name, value in hyper_parameters.items() if name != CLASS_KEY}
    return {"class_path": hyper_parameters[CLASS_KEY], "init_args": init_args}


def save_checkpoint(content: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a checkpoint whole or not at all, beside its target, with a digest of its content.

    Raises:
        OSError: If it cannot be written; a file that was there before is as it was.
    """
    with replacing(path, ".ckpt.partial") as temporary:
        try:
            torch.save(dict(content), temporary)
        except RuntimeError as error:  # PyTorch's word for a disk that is full
            reason = str(error).splitlines()[0][:120]
            raise OSError(
                f"{path}: the checkpoint could not be written ({reason}); is the disk full? What was there before is "
                "as it was"
            ) from error
        with temporary.open("r+b") as file:
            file.seek(-2, os.SEEK_END)  # the length of the comment, so far 0
            end = file.tell()
            digest = _digest(file, end)
            file.seek(end)
            file.write(_SEAL.to_bytes(2, "little") + _MARK + digest.encode())


def read_checkpoint(path: str | os.PathLike[str], allowed: Iterable[str] = ()) -> dict[str, Any]:
    """Open a checkpoint of amclip, plain values and tensors only.

    Args:
        path: A ``.ckpt`` file.
        allowed: Classes outside of amclip, or modules or packages of such, that the checkpoint may name: opening a file
            must not run code that nobody asked for. Those of modules that are imported already need not be allowed.

    Returns:
        The checkpoint, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, not one of amclip, or damaged; if its weights are no numbers; or if it
            names a class that nobody allowed.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such checkpoint")
    _refuse_damage(Path(path))
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{path}: is not a checkpoint, or is damaged ({type(error).__name__})") from error
    if not isinstance(checkpoint, dict) or not all(
        isinstance(checkpoint.get(key), dict) for key in ("state_dict", TASK_KEY, DATA_KEY, KNOWLEDGE_KEY)
    ):
        raise ValueError(f"{path}: is not a checkpoint of `amclip fit`; it lacks the settings of model or data")
    for key in (TASK_KEY, DATA_KEY):
        if not isinstance(checkpoint[key].get(CLASS_KEY), str):
            raise ValueError(
                f"{path}: is of another version of amclip, or of another program: it does not say of which class its "
                "settings are. Use what wrote it, or train anew"
            )
    _refuse_foreign_classes(path, [checkpoint[TASK_KEY], checkpoint[DATA_KEY]], allowed)
    broken = [
        name
        for name, value in checkpoint["state_dict"].items()
        if isinstance(value, Tensor) and value.is_floating_point() and not bool(torch.isfinite(value).all())
    ]
    if broken:
        raise ValueError(
            f"{path}: {len(broken)} of its {len(checkpoint['state_dict'])} weight tensors hold values that are no "
            f"finite numbers, for example {broken[0]}: the training went astray. Take an earlier checkpoint, or train "
            "anew with a lower learning rate"
        )
    return checkpoint


def check_complete(path: str | os.PathLike[str], checkpoint: Mapping[str, Any], resume: bool) -> None:
    """Refuse a checkpoint that lacks what Lightning needs of it.

    Args:
        path: The checkpoint, for the message.
        checkpoint: Its content.
        resume: Whether a training is to go on from it, which takes more than the weights.

    Raises:
        ValueError: If something is missing.
    """
    missing = sorted({_VERSION_KEY, *(_STATE_OF_TRAINING if resume else ())} - checkpoint.keys())
    if missing:
        what = "to go on with a training" if resume else "of `amclip fit`"
        raise ValueError(f"{path}: is no checkpoint {what}; it lacks {', '.join(missing)}")


def check_settings(path: str | os.PathLike[str], hyper_parameters: Mapping[str, Any]) -> None:
    """Refuse settings that this version's class does not know, or that lack one it needs.

    Args:
        path: The checkpoint, for the message.
        hyper_parameters: What the checkpoint says of its task or its data module.

    Raises:
        ValueError: If there is no such class, or a setting is unknown or missing.
    """
    known = parameters(resolve_class(hyper_parameters[CLASS_KEY], Configurable))
    settings = described(hyper_parameters)["init_args"]
    unknown = sorted(str(name) for name in settings.keys() - known.keys())
    missing = sorted(name for name, one in known.items() if one.default is one.empty and name not in settings)
    if unknown or missing:
        parts = [f"has settings that this one does not know ({_some(unknown)})"] if unknown else []
        parts += [f"lacks settings that it needs ({_some(missing)})"] if missing else []
        raise ValueError(
            f"{path}: is of another version of amclip, or of another program: it {' and '.join(parts)}. Use what wrote "
            "it, or train anew"
        )


def check_weights(weights: Mapping[str, Any], network: Mapping[str, Tensor]) -> None:
    """Refuse weights of another network: names that are missing, too many or changed, and other shapes.

    Args:
        weights: What the checkpoint holds, by name.
        network: What the network has, by name.

    Raises:
        ValueError: If they differ; says how many and names the first.
    """
    missing, extra = sorted(network.keys() - weights.keys()), sorted(map(str, weights.keys() - network.keys()))
    other = [
        name for name in sorted(network.keys() & weights.keys()) if _shape(weights[name]) != tuple(network[name].shape)
    ]
    if missing or extra or other:
        parts = [f"{len(missing)} are missing, for example {missing[0]}"] if missing else []
        parts += [f"{len(extra)} are not the network's, for example {extra[0]}"] if extra else []
        if other:
            name = other[0]
            parts.append(
                f"{len(other)} have another shape, for example {name}: {_shape(weights[name])} in place of "
                f"{tuple(network[name].shape)}"
            )
        raise ValueError(
            f"the checkpoint's weights do not fit this network ({'; '.join(parts)}): leave the settings of model and "
            "data as they were trained, or train anew"
        )


class SealedCheckpointIO(TorchCheckpointIO):
    """How Lightning writes and opens checkpoints; see :func:`save_checkpoint`.

    Lightning itself writes by way of TMPDIR, which may lie on another disk: what is copied from there over the last
    checkpoint can be cut short.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write one; places that are no file of this machine (``s3://…``) are left to Lightning."""
        if storage_options is not None or "://" in os.fspath(path):
            super().save_checkpoint(checkpoint, path, storage_options)
        else:
            save_checkpoint(checkpoint, path)

    def load_checkpoint(
        self, path: str | Path, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Open one, plain values and tensors only unless asked otherwise.

        Raises:
            ValueError: If the file is damaged.
        """
        if Path(path).is_file():
            _refuse_damage(Path(path))
        where: Any = "cpu" if map_location is None else map_location
        loaded: dict[str, Any] = super().load_checkpoint(path, where, True if weights_only is None else weights_only)
        return loaded


def _refuse_damage(path: Path) -> None:
    """Compare a file with its digest; one without has checksums of its parts, which PyTorch does not look at."""
    damaged = ValueError(
        f"{path}: is damaged: its content does not fit its checksum. Copy it again, or take an earlier checkpoint"
    )
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END) - _SEAL - 2
        if end > 0:
            file.seek(end + 2)
            seal = file.read()
            if seal.startswith(_MARK):
                if _digest(file, end).encode() != seal[len(_MARK) :]:
                    raise damaged
                return
    if not zipfile.is_zipfile(path):
        return  # what it is, PyTorch says
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except Exception as error:  # of a damaged directory there are many
        raise damaged from error
    if broken is not None:
        raise damaged


def _digest(file: Any, end: int) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    left = end
    while left and (block := file.read(min(_BLOCK, left))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()


def _refuse_foreign_classes(path: str | os.PathLike[str], settings: Any, allowed: Iterable[str]) -> None:
    """A class path is code: importing it runs the module. Amclip's own are known, others the user must name."""
    trusted = {"amclip", *allowed, *(word.strip() for word in os.environ.get(ALLOWED_CLASSES, "").split(","))} - {""}
    for name in _class_paths(settings):
        imported = name.rpartition(".")[0] in sys.modules
        if not imported and not any(f"{name}.".startswith(f"{one}.") for one in trusted):
            raise ValueError(
                f"{path}: was trained with {name}, which is not amclip's: using the checkpoint would run that code. If "
                f"you know and trust it, import it first, or allow it: {ALLOWED_CLASSES}={name}"
            )


def _class_paths(settings: Any) -> Iterator[str]:
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            if key in ("class_path", CLASS_KEY) and isinstance(value, str):
                yield value
            yield from _class_paths(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _class_paths(value)


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
