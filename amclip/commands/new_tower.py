"""The image tower of a new config: CLIP's, or the tiny one that comes with amclip."""

from dataclasses import replace
from typing import Literal

from amclip.inputs import NetworkInput

__all__ = ["Tower", "model_lines", "seen_by", "tuning"]

Tower = Literal["clip", "tiny"]


def tuning(gpu: bool, tower: Tower) -> tuple[str, str]:
    """How much of the tower learns, and why.

    Args:
        gpu: Whether this machine has a GPU that PyTorch uses.
        tower: Which one.
    """
    if tower == "tiny":
        return "all blocks", (
            "a tiny image tower that comes with amclip: nothing is fetched, and a laptop can train all of it. It has "
            "seen drawn animals alone, so it is for trying the whole way: expect less of it than of CLIP, which "
            "`amclip new` takes without --network tiny"
        )
    if gpu:
        return "last blocks", "this machine has a GPU: the last 4 of 12 blocks learn"
    return "frozen", (
        "this machine has no GPU, so the image tower stays as it was published, and what it makes of each moment is "
        "kept in the folder `embeddings`: the first epoch takes long, all others seconds. On a machine with a GPU set "
        "trainable_blocks: 4, take ViT-B-16-quickgelu, and leave `embeddings` out"
    )


def seen_by(tower: Tower, seen: NetworkInput) -> NetworkInput:
    """What a tower sees: its size of image, and of its kinds of flow image one that it was trained on."""
    if tower == "clip":
        return seen
    flow = replace(seen.flow, preset="fast", image="uvm")
    return replace(seen, frame_size=(72, 72), image_size=64, flow=flow)


def model_lines(tower: Tower, frozen: bool) -> list[str]:
    """The lines of the config that say what the network is, below the reason, and how it is optimised."""
    loss = "  loss: BCE                 # ClassBalanced and others if most behaviours are rare: docs/metrics.md"
    pooled = "    aggregation: mean       # `max` if a behaviour in one segment is enough"
    if tower == "tiny":
        return [
            "    backbone: amclip-tiny",
            "    pretrained: synthetic",
            "    temporal: {layers: 1, heads: 4}",
            pooled,
            loss,
            "  optimiser:",
            "    learning_rate: 2.0e-3",
            "    backbone_learning_rate: 3.0e-4",
            "    weight_decay: 0.01",
        ]
    return [
        f"    backbone: ViT-B-{32 if frozen else 16}-quickgelu",
        f"    pretrained: openai      # CLIP's published weights, {350 if frozen else 600} MB, fetched on first use",
        "    tuning:",
        f"      trainable_blocks: {0 if frozen else 4}",
        "    head: {kind: linear}    # kind `text` starts from what CLIP knows of the class names: for few labels",
        pooled,
        loss,
        "  optimiser:",
        "    learning_rate: 1.0e-4",
        *([] if frozen else ["    backbone_learning_rate: 1.0e-5"]),
    ]
