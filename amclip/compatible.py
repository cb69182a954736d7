"""Whether a model of now can take the weights of a checkpoint: else outputs would be read wrongly, in silence."""

from collections.abc import Mapping, Sequence
from typing import Any

from lightning.pytorch.utilities import rank_zero_warn

from amclip.checkpoint import TASK_KEY
from amclip.inputs import NetworkInput
from amclip.losses import Loss
from amclip.models.config import NetworkConfig
from amclip.plain import from_plain

__all__ = ["refuse_other_data", "refuse_other_model"]


def refuse_other_data(
    data_classes: Sequence[str],
    data_input: NetworkInput,
    classes: Sequence[str],
    input: NetworkInput,
    network: NetworkConfig,
) -> None:
    """Refuse data that a model was not made for, where both were made apart, and pixels that its backbone never saw.

    Args:
        data_classes: Names of the behaviours in the data.
        data_input: What the data gives.
        classes: Names of the behaviours in the model.
        input: What the model sees.
        network: What it is made of.

    Raises:
        ValueError: If they differ.
    """
    if list(data_classes) != list(classes):
        raise ValueError(
            f"classes: the data has {list(data_classes)}, and the model was made for {list(classes)}; give both the "
            "same"
        )
    for name, (there, here) in data_input.differences(input).items():
        raise ValueError(
            f"input.{name}: the data has {there!r}, and the model was made for {here!r}; give both the same"
        )
    for name in ("mean", "std"):
        given, wanted = getattr(input, name), (network.architecture or {})[name]
        if any(abs(a - b) > 1e-3 for a, b in zip(given, wanted, strict=True)):
            raise ValueError(f"input.{name} is {list(given)}, but the backbone was trained with {wanted}: set it so")


def refuse_other_model(
    checkpoint: Mapping[str, Any], classes: Sequence[str], input: NetworkInput, network: NetworkConfig, loss: Loss
) -> None:
    """Refuse a checkpoint that was trained for other classes, as another network, or for other probabilities.

    What may be changed after the training, as the scheme, is warned of: scores may suffer.

    Args:
        checkpoint: Its settings; what it does not tell is not compared.
        classes: Names of the behaviours now.
        input: What the network sees now.
        network: What the network is made of now.
        loss: The loss now.

    Raises:
        ValueError: If it does not fit; names the setting and both values.
    """
    trained = checkpoint.get(TASK_KEY, {})
    if list(trained.get("classes", classes)) != list(classes):
        raise ValueError(
            f"the checkpoint was trained for the classes {list(trained['classes'])}, but the data asks for "
            f"{list(classes)}. Give the checkpoint's classes in that order (data.source.classes), or train anew"
        )
    changed: dict[str, tuple[Any, Any]] = {}
    if trained.get("network"):
        differences = network.differences(from_plain(NetworkConfig, trained["network"]))
        changed.update({f"model.network.{name}": both for name, both in differences.items()})
    if trained.get("input"):
        for name, (now, then) in input.differences(NetworkInput.from_dict(trained["input"])).items():
            if name in NetworkInput.FIXED:
                changed[f"input.{name}"] = now, then
            else:
                rank_zero_warn(f"input.{name} is {now}, but the checkpoint was trained with {then}; scores may suffer")
    for name, (now, then) in changed.items():
        raise ValueError(f"{name} is {now!r}, but the checkpoint was trained with {then!r}: leave it out or train anew")
    if trained.get("loss") and from_plain(Loss, trained["loss"]).exclusive != loss.exclusive:
        raise ValueError(
            f"model.loss is {type(loss).__name__}, but the checkpoint was trained with "
            f"{trained['loss']['class_path']}: the probabilities would be others; leave it out or train anew"
        )
