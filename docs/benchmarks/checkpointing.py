"""What gradient checkpointing saves: bytes kept for the backward pass by the video encoder, counted and not estimated.

    python docs/benchmarks/checkpointing.py [--quick]

ViT-B/16 at 224 pixels with messages between the images of a sequence, float32, random weights (they do not matter).
Counted is each storage that autograd keeps once, without the weights themselves. Writes `checkpointing.md` beside this
file.
"""

import torch
from sections import Benchmark, new_parser

from amclip.models.config import TuningConfig
from amclip.models.encoder import ImageEncoder
from amclip.models.pretrained import describe_backbone

FRAMES, SIDE = 4, 224


def kept_per_image(checkpointing: bool, backbone: str = "ViT-B-16", side: int = SIDE) -> float:
    """MiB per image that autograd keeps between forward and backward pass."""
    architecture = describe_backbone(backbone, None, side)
    encoder = ImageEncoder(architecture, TuningConfig(gradient_checkpointing=checkpointing), "zero", FRAMES)
    weights = {parameter.untyped_storage().data_ptr() for parameter in encoder.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage  # held, so that no later storage gets its address
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        features = encoder(torch.randn(FRAMES, 3, side, side))
    found = sum(storage.nbytes() for storage in kept.values()) / FRAMES / 2**20
    features.sum().backward()
    return found


def main() -> None:
    """Count both ways and write the table."""
    run = Benchmark(new_parser(__doc__), __file__)
    torch.manual_seed(0)
    backbone, side = ("amclip-tiny", 64) if run.quick else ("ViT-B-16", SIDE)
    run.head(
        f"""# Gradient checkpointing

Written by `docs/benchmarks/checkpointing.py` (PyTorch {torch.__version__.split("+")[0]}): the video encoder,
{backbone} at {side} pixels, float32, sequences of {FRAMES} images."""
    )
    with run.section("Kept for the backward pass per image, weights not counted") as lines:
        lines += ["| `gradient_checkpointing` | MiB per image |", "|---|---|"]
        lines += [f"| {str(way).lower()} | {kept_per_image(way, backbone, side):.0f} |" for way in (False, True)]
    run.close()


if __name__ == "__main__":
    main()
