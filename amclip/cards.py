"""A model card and a data card in Markdown: what a reader must know before the one is used and the other is trusted.

After Mitchell et al. 2019, "Model Cards for Model Reporting" (FAT*), and Gebru et al. 2021, "Datasheets for Datasets"
(CACM 64:12). What is known is filled in; what only a person knows is asked for.
"""

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

from amclip.data.split_names import SPLITS
from amclip.data.table import LabelTable
from amclip.text import counted, printable
from amclip.version import __version__

__all__ = ["ModelFacts", "data_card", "model_card"]

_FEW_TRAINING, _FEW_TESTED = 50, 10
_WRITTEN = (
    "Written by `amclip test` (amclip {version}) on {today}. What stands in _italics_ is for a person to fill in, or "
    "to take out."
)
_PACKAGES = ("torch", "lightning", "open_clip_torch", "timm", "av")


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a trained model when it is tested.

    Attributes:
        checkpoint: Its file.
        classes: A row per class, with the columns of ``test_classes.csv``.
        averages: A row per average, with the columns of ``test_scores.csv``.
        clips: Test clips that were scored.
        unreadable: Test clips that could not be read.
        input: Settings of what the network sees, plain.
        network: Settings of the network, plain.
        loss: Name of the loss.
        clip_seconds: Median length of the training clips, where known.
        used: In words, which test videos were trained or validated on; empty where none were.
    """

    checkpoint: str
    classes: Sequence[Mapping[str, Any]]
    averages: Sequence[Mapping[str, Any]]
    clips: int
    unreadable: int
    input: Mapping[str, Any]
    network: Mapping[str, Any]
    loss: str
    clip_seconds: float | None
    used: str = ""


def model_card(facts: ModelFacts, table: LabelTable | None) -> str:
    """The card of a model.

    Args:
        facts: What is known of it.
        table: The clips with their splits, of which those of the split test were scored; ``None`` where not known.
    """
    tower = facts.network.get("backbone", "")
    lines = [
        f"# Model card: {_text(Path(facts.checkpoint).name)}",
        "",
        _WRITTEN.format(version=__version__, today=date.today().isoformat()),
        "",
        "## What it is",
        "",
        f"A network that says which of {len(facts.classes)} behaviours a clip of animal video shows; several may "
        "hold at once.",
        "",
        *_table(
            ("", ""),
            [
                ("checkpoint", f"`{_text(facts.checkpoint)}`"),
                ("image tower", f"{_text(tower)}, weights {_text(facts.network.get('pretrained') or 'of its own')}"),
                ("loss", facts.loss),
                ("length of its training clips", _seconds(facts.clip_seconds)),
                ("versions", ", ".join([f"Python {platform.python_version()}", *_versions()])),
            ],
        ),
        "",
        "_Who trained it, and whom to ask:_",
        "",
        "## Intended use",
        "",
        "_For which animals, cameras, questions; by whom. What it shall not be used for:_",
        "",
        "## What it sees",
        "",
        *_table(("setting", "value"), [(f"`input.{name}`", _set(value)) for name, value in _flat(facts.input)]),
        "",
        "## How good it is",
        "",
        f"On {facts.clips} test clips{_unreadable(facts)}. Average precision (AP) says how well a behaviour's clips "
        "are ranked before all others: 1 is without a fault, and the fraction of clips that show it is chance. F1 is "
        "that at the threshold. What the averages mean: amclip's page on metrics.",
        "",
        *_table(
            ("average", "classes", "value"), [(r["score"], r["classes"], _short(r["value"])) for r in facts.averages]
        ),
        "",
        *_table(
            ("behaviour", "training clips", "test clips", "chance", "AP", "F1", "threshold"),
            [_class_row(row, facts.clips) for row in facts.classes],
        ),
        "",
        "Thresholds were tuned on the validation clips where the column F1 is of one; else they are 0.5.",
        "",
        "## Limits",
        "",
        *(f"- {words}" for words in _limits(facts, table)),
        "- _Light, seasons, cameras, breeds or strains, numbers of animals that it has not seen:_",
        "",
    ]
    return "\n".join(lines)


def data_card(table: LabelTable, files: Sequence[str], root: str) -> str:
    """The card of a data set.

    Args:
        table: All clips, with their splits.
        files: The files of labels and tracks.
        root: Folder of the videos.
    """
    splits = [split for split in SPLITS if any(clip.split == split for clip in table.clips)]
    counts = Counter((name, clip.split) for clip in table.clips for name in clip.labels or ())
    videos = {split: {clip.video for clip in table.clips if clip.split == split} for split in splits}
    animals = sorted({clip.subject for clip in table.clips if clip.subject})
    clips = {split: [clip for clip in table.clips if clip.split == split] for split in splits}
    spans = {split: [c.stop - c.start for c in clips[split] if c.start is not None and c.stop] for split in splits}
    rows = [
        ("clips", *(len(clips[split]) for split in splits)),
        ("clips without any behaviour", *(sum(clip.labels == () for clip in clips[split]) for split in splits)),
        ("videos", *(len(videos[split]) for split in splits)),
        (
            "length of clips that have times, in all",
            *(_spent(spans[split]) if spans[split] else "–" for split in splits),
        ),
    ]
    shared = sorted(set[str]().union(*(videos[a] & videos[b] for a in splits for b in splits if a < b)))
    lines = [
        "# Data card",
        "",
        _WRITTEN.format(version=__version__, today=date.today().isoformat()),
        "",
        "## Sources",
        "",
        *(f"- labels or tracks: `{_text(file)}`" for file in files),
        f"- videos: `{_text(root)}`, {counted(len(table.videos()), 'video')}",
        "",
        "_Where, when and by whom they were recorded; permits and ethics; under which licence:_",
        "",
        "_Who labelled, by which definitions; how far two people agree (`amclip evaluate ONE OTHER`):_",
        "",
        "## What is in it",
        "",
        *_table(("", *splits), rows),
        "",
        *_table(("behaviour", *splits), [(name, *(counts[name, split] for split in splits)) for name in table.classes]),
        "",
        *([f"Animals that are told apart: {_text(', '.join(animals))}.", ""] if animals else []),
        "## Limits",
        "",
        *([f"- in several splits, by time: {counted(len(shared), 'video')}; scores are of the same animals and light"]
          if shared else ["- No video is in two splits."]),
        *(f"- {_text(words)}" for words in _thin(table.classes, counts, splits)),
        "- _What is rare or missing, and who or what is seen more often than others:_",
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _thin(classes: Sequence[str], counts: Mapping[tuple[str, str | None], int], splits: Sequence[str]) -> list[str]:
    words = []
    for split in splits:
        missing = [name for name in classes if not counts.get((name, split))]
        words += [f"Never in {split}: {', '.join(missing)}."] if missing else []
    return words


def _limits(facts: ModelFacts, table: LabelTable | None) -> list[str]:
    words = [f"{facts.used[0].upper()}{facts.used[1:]}."] if facts.used else []
    few = [r["class"] for r in facts.classes if r["training_clips"] != "" and int(r["training_clips"]) < _FEW_TRAINING]
    if few:
        words.append(f"Learned from fewer than {_FEW_TRAINING} clips each: {_text(', '.join(few))}.")
    unseen = [r["class"] for r in facts.classes if not int(r["clips"])]
    if unseen:
        words.append(f"Not tested, as no test clip shows them: {_text(', '.join(unseen))}.")
    thin = [r["class"] for r in facts.classes if 0 < int(r["clips"]) < _FEW_TESTED]
    if thin:
        words.append(f"Tested on fewer than {_FEW_TESTED} clips each, so AP may be far off: {_text(', '.join(thin))}.")
    if table is not None:
        tested = {clip.video for clip in table.clips if clip.split == "test"}
        trained = {clip.video for clip in table.clips if clip.split == "train"}
        if both := tested & trained:
            words.append(
                f"{len(both)} of {len(tested)} test videos were trained on in other parts: scores are of the same "
                "animals in the same light, and those of other recordings are likely to be lower."
            )
        elif len(tested) < 5:
            words.append(
                f"Tested on {counted(len(tested), 'video')}: how much scores differ from video to video is not known."
            )
    return words or ["None that the numbers show."]


def _class_row(row: Mapping[str, Any], clips: int) -> tuple[object, ...]:
    tuned = row["threshold_tuned_on_val"] != ""
    return (
        row["class"],
        row["training_clips"],
        row["clips"],
        f"{int(row['clips']) / clips:.3f}" if clips else "",
        _short(row["average_precision"]),
        _short(row["F1_at_threshold_tuned_on_val"] if tuned else row["F1_at_0.5"]),
        _short(row["threshold_tuned_on_val"]) if tuned else "0.5",
    )


def _unreadable(facts: ModelFacts) -> str:
    return f" ({facts.unreadable} more could not be read)" if facts.unreadable else ""


def _versions() -> list[str]:
    found = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{before}{name}.")
        else:
            rows.append((before + name, value))
    return rows


def _set(value: Any) -> str:
    return "not used" if value is None else f"`{value}`"


def _short(value: Any) -> str:
    return f"{float(value):.3f}" if value != "" else "–"


def _seconds(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3g} s"


def _spent(lengths: Sequence[float]) -> str:
    if not lengths:
        return "–"
    total = sum(lengths)
    return f"{total:.1f} s" if total < 120 else f"{total / 60:.1f} min" if total < 7200 else f"{total / 3600:.1f} h"


def _table(header: Sequence[object], rows: Sequence[Sequence[object]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return ["| " + " | ".join(_text(cell) for cell in line) + " |" for line in lines]


def _text(value: object) -> str:
    """Text that breaks neither a table nor a line."""
    return printable(str(value)).replace("|", "\\|").replace("\n", " ")
