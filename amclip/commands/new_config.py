"""The text of a config that explains itself."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from amclip.commands.new_choices import Choices
from amclip.commands.new_survey import Survey
from amclip.commands.new_tower import model_lines
from amclip.text import one_line

__all__ = ["config_text"]

_WIDTH = 110


def config_text(found: Survey, chosen: Choices, name: str, store: str) -> str:
    """A whole run in YAML, with a comment for each choice.

    Args:
        found: What lies in the folder.
        chosen: What was chosen.
        name: Of the config, as commands are to name it.
        store: Folder for embeddings, where the image tower does not learn.
    """
    cropped, frozen = chosen.source.tracks is not None, chosen.tuning.value == "frozen"
    tiny = chosen.tower == "tiny"
    segments, each = chosen.positions.value
    seen = chosen.input
    lines = [
        f"# Written by `amclip new` from what lies in {one_line(found.folder.name or str(found.folder))}.",
        "# Change what you like; then",
        "#",
        f"#   amclip check --config {name}    # what is wrong with the data",
        f"#   amclip fit   --config {name}    # train",
        "#",
        "# docs/training.md explains every part; `amclip fit --config FILE --print_config` prints every setting.",
        "# Paths are written out, so that commands may be started anywhere: change them where the folder is moved.",
        "",
        "seed_everything: 0",
        "",
        "trainer:",
        "  accelerator: auto         # takes a GPU where there is one",
        "  devices: auto",
        "  precision: auto           # bf16-mixed on GPUs that have bfloat16, else 32-true",
        f"  max_epochs: {50 if frozen else 30}            # how often all training clips are seen",
        "  log_every_n_steps: 10",
        "",
        "input:                      # what the network sees of a clip",
    ]
    if seen.crop is not None:
        lines += [
            *_comment("each animal is cut out of the full-resolution frame by its track", 2),
            "  crop:",
            f"    margin: {seen.crop.margin}    # body lengths around the animal; more where it acts on what is away",
        ]
    lines += [
        "  scheme: dense             # each segment looks at its own part of a clip; `sparse` at the whole of it",
        *_setting("num_segments", segments, chosen.positions.reason, 2),
        f"  positions_per_segment: {each}",
        *_setting("modality", chosen.modality.value, chosen.modality.reason, 2),
        "  flow:",
        *_setting("gap", chosen.gap.value, chosen.gap.reason, 4),
        *(["    unit: body lengths      # per second: the same for near and far animals"] if cropped else []),
        *(["    preset: fast", "    image: uvm              # as the network below saw it"] if tiny else []),
        *_setting("bound", chosen.bound.value, chosen.bound.reason, 4),
        f"  frame_size: {list(seen.frame_size)}    # videos are decoded to this height and width",
        f"  image_size: {seen.image_size}           # what the network below was trained on",
        "",
        "data:",
        "  source:",
        *_labels(found, chosen),
        "  splits:",
        *_comment(chosen.splits.reason, 4),
        f"    by: {chosen.splits.value.by}",
        f"    fractions: {list(chosen.splits.value.fractions)}",
        *([f"    val_fraction: {held:g}"] if (held := chosen.splits.value.val_fraction) else []),
        "  augmentation:",
        "    flip: 0.5               # set 0 if left and right matter for your labels",
        "    crop_scale: [0.8, 1.0]  # random crops; [1, 1] if animals may sit at the very edge",
        *_setting("batch_size", chosen.batch_size.value, chosen.batch_size.reason, 2),
    ]
    if frozen:
        lines += ["  embeddings:", f"    folder: {_quoted(store)}"]
    lines += [
        "",
        "model:",
        "  network:",
        *_comment(chosen.tuning.reason, 4),
        *model_lines(chosen.tower, frozen),
    ]
    return "\n".join(lines) + "\n"


def _labels(found: Survey, chosen: Choices) -> list[str]:
    source = chosen.source
    title = found.labels[0].title
    if found.labels[0].rows == "bouts":
        title += ", as rows of different behaviours overlap and last differently long: between them nothing is shown"
    several = f", {len(found.labels)} files" if len(found.labels) > 1 else ""
    lines = [*_comment(f"{title}{several}", 4), *_value("labels", source.labels, 4)]
    lines += [f"    root: {_quoted(source.root)}"]
    if isinstance(source.classes, list):
        lines += [*_comment("the behaviours that clips show; the file has more", 4)]
        lines += _value("classes", source.classes, 4)
    if source.window is not None:
        lines += _setting("window", source.window, f"seconds of a clip: {chosen.window.reason}", 4)
    if source.tracks is not None:
        lines += [*_comment("where each animal is", 4), *_value("tracks", source.tracks, 4)]
    elif chosen.subjects.reason:
        lines += _setting("subjects", source.subjects, chosen.subjects.reason, 4)
    return lines


def _setting(name: str, value: Any, reason: str, indent: int) -> list[str]:
    return [*_comment(reason, indent), f"{' ' * indent}{name}: {value}"]


def _comment(text: str, indent: int) -> list[str]:
    clean = " ".join(text.split())
    return textwrap.wrap(clean, _WIDTH, initial_indent=" " * indent + "# ", subsequent_indent=" " * indent + "# ")


def _value(name: str, value: Any, indent: int) -> list[str]:
    """A word, several, or one by split."""
    space = " " * indent
    if isinstance(value, Mapping):
        return [f"{space}{name}:", *(f"{space}  {key}: {_quoted(one)}" for key, one in value.items())]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [f"{space}{name}:", *(f"{space}  - {_quoted(one)}" for one in value)]
    return [f"{space}{name}: {_quoted(value)}"]


def _quoted(text: Any) -> str:
    """A word as YAML has it between double quotes, which is as JSON has it."""
    return json.dumps(str(text), ensure_ascii=False)
