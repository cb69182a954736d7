"""Low-rank updates of an image tower's blocks (LoRA, Hu et al., arXiv 2106.09685), by peft."""

import copy
import re
from typing import Any, TypeVar

from torch import nn

from amclip.models.tower import blocks_of

__all__ = ["add_lora", "merge_lora"]

_Network = TypeVar("_Network", bound=nn.Module)


def add_lora(visual: nn.Module, trainable_blocks: int, rank: int, alpha: int) -> None:
    """Freeze a tower and let low-rank updates of its last blocks' attention and MLP train; at first they add nothing.

    Args:
        visual: The tower; changed in place. Its own weights are then named ``….base_layer.…``.
        trainable_blocks: How many blocks learn, counted from the output, 1 or more; -1 for all.
        rank: Rank of the updates, 1 or more.
        alpha: They are scaled by ``alpha / rank``, 1 or more.

    Raises:
        ValueError: If the blocks compute with matrices that have no layer of their own.
        ModuleNotFoundError: If peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'network.tuning.lora_rank: LoRA needs the library peft: pip install "amclip[lora]"'
        ) from error
    blocks = blocks_of(visual)
    chosen = blocks if trainable_blocks < 0 else blocks[-trainable_blocks:]
    names = {id(module): name for name, module in visual.named_modules()}
    targets = [names[id(layer)] for block in chosen for layer in _layers(block)]
    visual.requires_grad_(False)
    pattern = "|".join(re.escape(name) for name in targets)
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=f"({pattern})"), visual)


def merge_lora(network: _Network) -> _Network:
    """A network that computes the same without updates: a copy whose weights they were added to.

    Args:
        network: Any; one without LoRA is returned as it is.
    """
    if not any("lora_" in name for name, _ in network.named_parameters()):
        return network
    from peft.tuners.tuners_utils import BaseTunerLayer

    merged = copy.deepcopy(network)
    updated = {name: module for name, module in merged.named_modules() if isinstance(module, BaseTunerLayer)}
    for name, module in updated.items():
        parent, _, own = name.rpartition(".")
        if any(name.startswith(f"{other}.") for other in updated):  # within an attention, which takes it along
            continue
        if isinstance(module.get_base_layer(), nn.MultiheadAttention):
            plain = module.unload_and_optionally_merge_module(merge=True, safe_merge=False, adapter_names=None)
        else:
            module.merge()
            plain = module.get_base_layer()
        setattr(merged.get_submodule(parent), own, plain)
    return merged


def _layers(block: nn.Module) -> list[nn.Module]:
    """The layers of a block's attention and MLP, each of which gets an update."""
    found: list[nn.Module] = []

    def walk(module: Any) -> None:
        if isinstance(module, (nn.MultiheadAttention, nn.Linear)):
            found.append(module)
            return
        if "in_proj_weight" in dict(module.named_parameters(recurse=False)):
            raise ValueError(
                f"network.tuning.lora_rank: the attention of this image tower's blocks ({type(module).__name__}) "
                "multiplies with a matrix that is no layer, so that LoRA would pass it by; set 0"
            )
        if hasattr(module, "qkv_bias_separate"):
            # timm's EVA and BEiT multiply with the layer's matrix by hand, past its LoRA, unless they are told to call
            # the layer and add the bias afterwards: the same sum.
            module.qkv_bias_separate = True
        for child_name, child in module.named_children():
            if child_name != "rel_pos":  # a small network of positions, not of tokens
                walk(child)

    walk(block)
    return found
