"""What a checkpoint of amclip holds beside weights: plain values, so that it opens with ``weights_only=True``.

Task and data module write their class and their arguments where Lightning keeps hyperparameters; what was learned of
the data (class counts, calibration, length of clips) is below the key ``amclip``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from amclip.plain import Configurable, class_path, refuse_foreign_classes, to_plain

__all__ = ["CLASS_KEY", "DATA_KEY", "KNOWLEDGE_KEY", "TASK_KEY", "described", "hyperparameters", "read_checkpoint"]

DATA_KEY = "datamodule_hyper_parameters"
TASK_KEY = "hyper_parameters"
KNOWLEDGE_KEY = "amclip"
CLASS_KEY = "_class_path"  # Lightning's own name for it


def hyperparameters(made: Configurable) -> dict[str, Any]:
    """What Lightning shall keep of a task or a data module: its arguments in plain values, and its class.

    Raises:
        TypeError: If an argument cannot be kept.
    """
    plain = to_plain(made)
    return {CLASS_KEY: class_path(type(made)), **plain["init_args"]}


def described(hyper_parameters: dict[str, Any]) -> dict[str, Any]:
    """The same as ``class_path`` and ``init_args``, as config files and :func:`amclip.plain.from_plain` have it."""
    init_args = {name: value for name, value in hyper_parameters.items() if name != CLASS_KEY}
    return {"class_path": hyper_parameters[CLASS_KEY], "init_args": init_args}


def read_checkpoint(path: str | Path, allow: Sequence[str] = ()) -> dict[str, Any]:
    """Open a checkpoint of amclip, plain values and tensors only.

    Args:
        path: A ``.ckpt`` file.
        allow: Modules of your own, or packages with all their modules, whose classes it may name. Those of amclip and
            those that are imported already need not be allowed.

    Returns:
        The checkpoint, on the CPU.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is no checkpoint, not one of amclip, or names classes of other modules.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such checkpoint")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(f"{path}: is not a checkpoint, or is damaged ({type(error).__name__})") from error
    keys = {"state_dict", TASK_KEY, DATA_KEY, KNOWLEDGE_KEY}
    if not isinstance(checkpoint, dict) or not keys <= checkpoint.keys():
        raise ValueError(f"{path}: is not a checkpoint of `amclip fit`; it lacks the settings of model or data")
    for key in (TASK_KEY, DATA_KEY):
        if not isinstance(checkpoint[key], dict) or CLASS_KEY not in checkpoint[key]:
            raise ValueError(f"{path}: is not a checkpoint of this version of amclip; train anew")
        refuse_foreign_classes(checkpoint[key], str(path), allow)
    return checkpoint
