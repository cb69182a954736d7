"""What gradient checkpointing saves: bytes kept for the backward pass by the video encoder, counted and not estimated.

    python docs/benchmarks/checkpointing.py

ViT-B/16 at 224 pixels with messages between the images of a sequence, float32, random weights (they do not matter).
Counted is each storage that autograd keeps once, without the weights themselves. Writes `checkpointing.md` beside this
file.
"""

from pathlib import Path

import torch

from amclip.models.encoder import ImageEncoder
from amclip.models.pretrained import describe_backbone

FRAMES, SIDE = 4, 224


def kept_per_image(checkpointing: bool) -> float:
    """MiB per image that autograd keeps between forward and backward pass."""
    architecture = describe_backbone("ViT-B-16", None, SIDE)
    encoder = ImageEncoder(architecture, gradient_checkpointing=checkpointing, messages="zero", num_frames=FRAMES)
    weights = {parameter.untyped_storage().data_ptr() for parameter in encoder.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage  # held, so that no later storage gets its address
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        features = encoder(torch.randn(FRAMES, 3, SIDE, SIDE))
    found = sum(storage.nbytes() for storage in kept.values()) / FRAMES / 2**20
    features.sum().backward()
    return found


def main() -> None:
    """Count both ways and write the table."""
    torch.manual_seed(0)
    plain, checkpointed = kept_per_image(False), kept_per_image(True)
    text = f"""# Gradient checkpointing

Written by `docs/benchmarks/checkpointing.py` (PyTorch {torch.__version__.split("+")[0]}): the video encoder,
ViT-B/16 at {SIDE} pixels, float32, sequences of {FRAMES} images.
MiB kept for the backward pass per image, weights not counted.

| `gradient_checkpointing` | MiB per image |
|---|---|
| false | {plain:.0f} |
| true | {checkpointed:.0f} |
"""
    Path(__file__).with_suffix(".md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
