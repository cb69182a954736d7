"""``amclip tune``: thresholds and lengths with the best bouts on videos that somebody has labelled."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from amclip.atomic import refuse_overwriting, writing_text
from amclip.screen_table import print_table
from amclip.text import counted, few, one_line, printable

if TYPE_CHECKING:
    from amclip.ethogram.annotation_file import AnnotatedRun
    from amclip.ethogram.annotations import Annotation
    from amclip.ethogram.tuning import Tuned

__all__ = ["tune"]


def tune(
    annotation: str,
    labels: str,
    output: str = "bouts.yaml",
    overlap: float = 0.5,
    least_bouts: int = 5,
    root: str | None = None,
    label_fps: float | None = None,
    observations: str | list[str] | None = None,
    subjects: Literal["each", "merged"] = "each",
) -> None:
    """Choose thresholds, smoothing and least lengths with the best bouts on labelled videos.

    Nothing is scored again: the windows of an annotation are cut in many ways and compared with the labels. Videos that
    the network was trained on mislead, and are warned of; take some of the validation part. Prints F1 of bouts before
    and after, and what to expect of other videos: F1 over videos of which each was left out as its settings were
    chosen. The file is what `amclip annotate --settings` reads.

    Args:
        annotation: The folder that `amclip annotate` wrote for the labelled videos.
        labels: What is right, in any form that `amclip evaluate` reads.
        output: YAML file to write.
        overlap: Least temporal overlap (intersection over union) from which two bouts are the same one.
        least_bouts: Behaviours with fewer labelled bouts keep the settings that the annotation has.
        root: Folder of the videos, by which labels per frame (DeepEthogram, FERAL) know their times. Default: where the
            videos of the annotation lie.
        label_fps: Frames per second, for labels per frame of videos that are not there.
        observations: Which observations of BORIS count, by name or pattern. Default: all.
        subjects: each compares animal by animal, where labels and annotation name them; merged what any of them shows.

    Raises:
        ValueError: If a file cannot be used, or the two have no video, no behaviour or no animal in common.
        FileNotFoundError: If a file is not there.
    """
    from amclip.data.formats import Observations
    from amclip.ethogram.annotation_file import read_run
    from amclip.ethogram.annotations import read_annotation
    from amclip.ethogram.bouts import timeline
    from amclip.ethogram.tuning import Tried, tune_bouts
    from amclip.long_work import LongWork
    from amclip.report.windows import read_windows

    run = read_run(annotation)
    refuse_overwriting("--output", Path(output), [Path(labels), *Path(annotation).glob("*")])
    if run.scoring.window is None:
        raise ValueError(f"{annotation}: its annotation.json does not tell the length of its windows; annotate again")
    tried = Tried.for_windows(run.scoring.window, overlap, least_bouts)
    named = None if observations is None else Observations(observations)
    right = read_annotation(labels, root or _root_of(run), label_fps, named)
    curves = [timeline(scores) for scores in read_windows(run)]
    known = _trained_on(run, right, subjects)
    if known:
        print(printable(f"warning: {known}"))
    with LongWork("Tuning", len(run.classes), "behaviours") as work:
        tuned, notes = tune_bouts(
            curves, right, run.settings, tried, subjects=subjects, after=lambda behaviour: work.add()
        )
    with writing_text(Path(output)) as file:
        file.write(_as_yaml(tuned, annotation, labels, overlap, known))
    _print(tuned, overlap)
    for note in [*few(notes), *_remarks(tuned, least_bouts)]:
        print(printable(f"  note: {note}"))
    print(
        f"Wrote {output}. Give it to annotate, which cuts bouts anew and scores nothing again:\n"
        f"  amclip annotate VIDEOS --checkpoint {run.scoring.checkpoint or 'CHECKPOINT'} --output {annotation} "
        f"--settings {output}"
    )


def _root_of(run: "AnnotatedRun") -> str | None:
    folders = {str(Path(video.path).parent) for video in run.videos if video.path}
    return folders.pop() if len(folders) == 1 else None


def _trained_on(run: "AnnotatedRun", labels: "Annotation", subjects: Literal["each", "merged"]) -> str:
    """Which of the videos that settings are chosen by the network was trained on, and what becomes of them; or nothing.

    Validation videos are what settings are to be chosen by.
    """
    from amclip.data.intervals import Timeline
    from amclip.data.used import names_in_words
    from amclip.ethogram.annotations import Annotation
    from amclip.ethogram.pairing import pair_up
    from amclip.ethogram.used import uses_of_pairs

    lines = [Timeline(v.video, (), v.extent.duration, v.extent.fps, subjects=v.subjects) for v in run.videos]
    pairs, _, _ = pair_up(Annotation(str(run.folder), run.classes, tuple(lines)), labels, subjects=subjects)
    uses = uses_of_pairs(pairs, run) or []
    trained = [use.named(use.train) for use in uses if use.trained]
    if not trained:
        return ""
    return (
        f"the network was trained on {len(trained)} of {counted(len(uses), 'video')}: {names_in_words(trained)}. It "
        "knows their labels and is surer of them than it will be of new videos: thresholds that are chosen by them "
        "will not do there, and F1 will be lower, also that of videos left out. Tune on videos of the validation part"
    )


def _as_yaml(tuned: "list[Tuned]", annotation: str, labels: str, overlap: float, known: str) -> str:
    import yaml

    classes = {
        one.behaviour: {
            name: round(float(value), 6)
            # All of them: what is left out here would be that of the command line.
            for name, value in {**vars(one.settings), "off_threshold": one.settings.lower}.items()
        }
        for one in tuned
    }
    source = one_line(f"{annotation} and {labels}")
    head = f"# Best F1 of bouts at an overlap of {overlap:g}, chosen by `amclip tune` on {source}\n"
    if known:
        head += f"# WARNING: {one_line(known)}\n"
    return head + yaml.safe_dump({"classes": classes}, sort_keys=False, allow_unicode=True)


def _print(tuned: "list[Tuned]", overlap: float) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"F1 of bouts at an overlap of {overlap:g}", title_justify="left")
    table.add_column("behaviour")
    columns = ("bouts", "before", "after", "left out", "threshold", "smoothing", "minimum bout", "minimum gap")
    for name in columns:
        table.add_column(name, justify="right")
    for one in tuned:
        cut = one.settings
        values = [_text(one.before), _text(one.after), _text(one.left_out), f"{cut.threshold:.2f}"]
        lengths = [f"{value:.3g} s" for value in (cut.smoothing, cut.minimum_bout, cut.minimum_gap)]
        table.add_row(Text(printable(one.behaviour)), str(one.labelled_bouts), *values, *lengths)
    shown = [one for one in tuned if one.labelled_bouts]
    # All three of the same behaviours, or they could not be compared.
    known = [one for one in shown if not math.isnan(one.left_out)] or shown
    means = [_mean([getattr(one, name) for one in known]) for name in ("before", "after", "left_out")]
    of = "mean" if len(known) == len(shown) else f"mean of {len(known)} that have all three"
    table.add_section()
    table.add_row(f"({of})", str(sum(one.labelled_bouts for one in known)), *map(_text, means), "", "", "", "")
    print_table(table)


def _remarks(tuned: "list[Tuned]", least_bouts: int) -> list[str]:
    few = [one.behaviour for one in tuned if one.labelled_bouts < least_bouts]
    notes = []
    if few:
        notes.append(f"fewer than {least_bouts} labelled bouts, so settings stay as they were: {', '.join(few)}")
    if any(one.labelled_bouts >= least_bouts and math.isnan(one.left_out) for one in tuned):
        notes.append("labelled bouts of one video alone do not tell what to expect of others: label a second one")
    return notes


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _text(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"
