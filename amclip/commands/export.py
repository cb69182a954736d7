"""``amclip export``: a trained model for programs without amclip."""

import json
from pathlib import Path

from amclip.atomic import refuse_overwriting, replacing, writing_text
from amclip.commands.given_files import refuse_missing
from amclip.commands.parsing import CommandWords

__all__ = ["WORDS", "export"]

WORDS = CommandWords(("checkpoint", "A checkpoint of `amclip fit`."))
_SUFFIXES = (".onnx", ".pt2")


def export(checkpoint: str, output: str) -> None:
    """Write a checkpoint's network as ONNX, or as a program of torch.export.

    It takes images and segments, and numbers of motion where the network was trained with them, and gives calibrated
    probabilities, for any number of clips at a time. Before it is kept, its answers are compared with amclip's. What it
    takes is written beside it as JSON, under the same name: classes, thresholds, sampling, sizes, flow.

    Args:
        checkpoint: A checkpoint of `amclip fit`.
        output: The file to write: MODEL.onnx (pip install 'amclip[export]') or MODEL.pt2.

    Raises:
        ValueError: If the checkpoint cannot be used, or its network not be exported; says why.
        FileNotFoundError: If there is no such checkpoint.
        ModuleNotFoundError: If a library that ONNX needs is not installed.
    """
    target = Path(output)
    suffix = target.suffix.lower()
    if suffix not in _SUFFIXES:
        raise ValueError(f"--output: expected a name that ends in {' or '.join(_SUFFIXES)}, got {output}")
    about = target.with_suffix(".json")
    refuse_missing(checkpoint)
    for path in (target, about):
        refuse_overwriting("--output", path, [checkpoint])
    from amclip.inference import load_model
    from amclip.portable import describe, write_onnx, write_pt2

    model = load_model(checkpoint)
    with replacing(target, suffix=suffix) as temporary:
        difference = (write_onnx if suffix == ".onnx" else write_pt2)(model, temporary)
    with writing_text(about) as file:
        file.write(json.dumps(describe(model), ensure_ascii=False, indent=1) + "\n")
    print(f"Wrote {target} and {about}; probabilities of drawn clips differ from amclip's by {difference:.1g} at most")
