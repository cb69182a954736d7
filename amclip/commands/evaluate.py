"""``amclip evaluate``: how far two annotations of the same videos agree."""

import csv
import json
import math
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from amclip.atomic import refuse_overwriting, writing_text
from amclip.screen_table import print_table
from amclip.text import counted, few, path_cell, printable

if TYPE_CHECKING:
    from amclip.ethogram.agreement import Agreement, BoutMatch, ClassAgreement
    from amclip.ethogram.used import VideoUse

__all__ = ["agreement_rows", "evaluate"]

MEAN = "(mean)"
ALL_ANIMALS = "(all)"
_FPS = 25.0  # where nobody knows


def evaluate(
    predicted: str,
    labels: str,
    output: str = "agreement",
    start: float = 0.0,
    stop: float | None = None,
    fps: float | None = None,
    root: str | None = None,
    label_fps: float | None = None,
    predicted_observations: str | list[str] | None = None,
    label_observations: str | list[str] | None = None,
    subjects: Literal["each", "merged"] = "each",
) -> None:
    """Compare an annotation with labels, or two human coders with each other, frame by frame and bout by bout.

    Prints a table and writes agreement.csv (a row per behaviour), confusion.csv and confusion.png (behaviours taken for
    each other, in frames) and matches.csv (every bout with its counterpart). Videos are matched by name, and where both
    say which animal shows a behaviour, animals too. Where a network knows some of the videos from its training, that is
    said, and written to used_videos.csv; agreement_new_videos.csv is of those alone of which it knows no part.

    Args:
        predicted: What is judged: the folder that `amclip annotate` wrote, or any labels that amclip reads: its
            bouts.csv, BORIS, DeepEthogram, FERAL, those of other programs, its table of clips.
        labels: What it is judged by, in any of these forms.
        output: Folder to write to.
        start: Second of each video to start at.
        stop: Second of each video to stop at; default: its end.
        fps: Frames per second to compare at; default: as the files say, or 25.
        root: Folder of the videos, by which labels that count frames know their times. Default: the
            folder of each file. Where the videos of an annotated folder lie is known.
        label_fps: Frames per second, for labels that count frames of videos that are not there.
        predicted_observations: Which observations of BORIS are judged, by name or pattern: "*coder A". Default: all.
        label_observations: Which they are judged by: "*coder B" compares two coders of one project.
        subjects: each compares animal by animal, where both name them; merged what any of them shows.

    Raises:
        ValueError: If a file cannot be used, or the two have no video, no behaviour or no animal in common.
    """
    from amclip.data.formats import Observations
    from amclip.ethogram.agreement import NONE, agreement
    from amclip.ethogram.annotations import has_scores, read_annotation
    from amclip.ethogram.confusion_figure import draw_confusion
    from amclip.ethogram.pairing import pair_up
    from amclip.ethogram.used import describe_uses, run_of, unused_from, uses_of_pairs

    if fps is not None and not 0 < fps < math.inf:
        raise ValueError(f"--fps: expected frames per second above 0, got {fps}")
    if not 0 <= start < math.inf or (stop is not None and not stop > start):
        raise ValueError(
            f"--start, --stop: expected seconds from 0 on, the first below the second; got {start}, {stop}"
        )
    folder = Path(output)
    inputs = [path for given in (predicted, labels) for path in _files(Path(given))]
    for name in _FILES:
        refuse_overwriting("--output", folder / name, inputs)
    chosen = [None if names is None else Observations(names) for names in (predicted_observations, label_observations)]
    judged, judges = (
        read_annotation(path, root, label_fps, names) for path, names in zip((predicted, labels), chosen, strict=True)
    )
    pairs, classes, notes = pair_up(judged, judges, start, stop, subjects)
    if not pairs:
        raise ValueError("nothing is left to compare: no video lasts until --start, or none was observed by both")
    uses = uses_of_pairs(pairs, run_of(predicted), run_of(labels))
    rate = fps or next((pair.fps for pair in pairs if pair.fps is not None), _FPS)
    found = agreement(pairs, classes, rate)
    animals = {
        subject: agreement([pair for pair in pairs if pair.subject == subject], classes, rate)
        for subject in dict.fromkeys(pair.subject for pair in pairs)
    }
    if not any(animals):
        animals = {}
    rows = list(agreement_rows(found))
    by_animal = {subject: list(agreement_rows(one)) for subject, one in animals.items()}
    folder.mkdir(parents=True, exist_ok=True)
    table = rows
    if animals:
        named = [*by_animal.items(), (ALL_ANIMALS, rows)]
        table = [{"subject": subject, **row} for subject, of_whom in named for row in of_whom]
    _write_table(folder / "agreement.csv", table, uses)
    new = _write_uses(folder, uses)
    rows_of_new: list[dict[str, Any]] = []
    if new:
        rows_of_new = list(agreement_rows(agreement([pair for pair in pairs if pair.video in new], classes, rate)))
        _write_table(folder / NEW_VIDEOS, rows_of_new, [use for use in uses or () if use.video in new])
    else:
        (folder / NEW_VIDEOS).unlink(missing_ok=True)  # of an earlier comparison
    names = [*classes, NONE]
    lines = zip(names, found.confusion.tolist(), strict=True)
    _write(
        folder / "confusion.csv", ["labelled \\ predicted", *names], ([name, *map(_text, row)] for name, row in lines)
    )
    draw_confusion(folder / "confusion.png", found.confusion, names)
    columns = _MATCH_COLUMNS if not animals else (_MATCH_COLUMNS[0], "subject", *_MATCH_COLUMNS[1:])
    _write(folder / "matches.csv", columns, (_match_row(match, bool(animals)) for match in found.matches))
    by_network = [run_of(given) is not None or has_scores(given) for given in (predicted, labels)]
    if by_network == [False, True]:
        swapped = shlex.join(["amclip", "evaluate", labels, predicted])
        print(
            printable(
                f"warning: {labels} is what a network found, and {predicted} is judged by it: precision and recall, "
                f"early and late are the other way round. Labels come second: {swapped}"
            )
        )
    for line in describe_uses(uses or []):
        print(printable(f"warning: {line}"))
    if (since := unused_from(uses or [])) is not None:
        given: dict[str, Any] = {"fps": fps, "root": root, "label_fps": label_fps, "stop": stop}
        given |= {"predicted_observations": predicted_observations, "label_observations": label_observations}
        given |= {"subjects": None if subjects == "each" else subjects}
        words = _again(predicted, labels, {**given, "start": f"{since:.10g}", "output": f"{folder}_unused"})
        said = f"From {since:.10g} s on nothing of these videos was used. That part alone is scored by"
        print(printable(f"{said}\n\n  {words}\n"))
    summary = rows
    if new:
        summary = [*rows, {**rows_of_new[-1], "behaviour": f"(mean of {counted(len(new), 'new video')})"}]
    _print(summary, len({pair.video for pair in pairs}), found, by_animal, rows[-1])
    for note in few(notes):
        print(printable(f"  note: {note}"))
    written = ["agreement.csv", "confusion.csv", "confusion.png", "matches.csv"]
    written += [USED_VIDEOS] * (uses is not None) + [NEW_VIDEOS] * bool(new)
    print(f"Wrote {', '.join(written[:-1])} and {written[-1]} to {folder}")


def _again(predicted: str, labels: str, options: dict[str, Any]) -> str:
    """The command with these options, as a shell takes it; options that are None are left out."""
    given = {name: value for name, value in options.items() if value is not None}
    texts = {name: json.dumps(value) if isinstance(value, list) else str(value) for name, value in given.items()}
    return shlex.join(["amclip", "evaluate", predicted, labels, *(f"--{name}={text}" for name, text in texts.items())])


USED_VIDEOS, NEW_VIDEOS = "used_videos.csv", "agreement_new_videos.csv"
_FILES = ("agreement.csv", "confusion.csv", "confusion.png", "matches.csv", USED_VIDEOS, NEW_VIDEOS)
_MATCH_COLUMNS = ("video", "behaviour", "predicted_start", "predicted_stop", "start", "stop", "iou")


def _write_table(path: Path, rows: "Sequence[dict[str, Any]]", uses: "Sequence[VideoUse] | None") -> None:
    """Write rows of agreement; where it is known, each says how many of the videos a network knew."""
    told = {}
    if uses is not None:
        trained, validated = (sum(getattr(use, name) for use in uses) for name in ("trained", "validated"))
        told = {"videos": len(uses), "videos_trained_on": trained, "videos_validated_on": validated}
    _write(path, [*rows[0], *told], ([*row.values(), *told.values()] for row in rows))


def _write_uses(folder: Path, uses: "Sequence[VideoUse] | None") -> set[str]:
    """Write what a network knew of each video; returns those that are new to it, where some are and some are not."""
    if uses is None:
        (folder / USED_VIDEOS).unlink(missing_ok=True)  # of an earlier comparison
        return set()
    amounts = ("seconds", "seconds_trained_on", "seconds_validated_on")
    header = ("video", *amounts, "trained_on_other_parts", "validated_on_other_parts")
    lines = (
        [
            path_cell(use.video),
            *(f"{value:.3f}" for value in (use.seconds, use.train, use.val)),
            *(int(value) for value in (use.elsewhere, use.validated_elsewhere)),
        ]
        for use in uses
    )
    _write(folder / USED_VIDEOS, header, lines)
    new = {use.video for use in uses if use.new}
    return new if len(new) < len(uses) else set()


def _files(given: Path) -> list[Path]:
    """The file of an annotation, or of a folder those that may be read of it."""
    from amclip.ethogram.annotation_file import FILE_NAME

    return [*given.rglob("*.csv"), given / FILE_NAME] if given.is_dir() else [given]


def agreement_rows(found: "Agreement") -> Iterator[dict[str, Any]]:
    """A row per behaviour, and one of means over those that the labels show; cells without a value are empty."""
    rows = [_row(one) for one in found.classes]
    yield from rows
    shown = [index for index, one in enumerate(found.classes) if one.labelled_bouts]
    mean: dict[str, Any] = {"behaviour": MEAN}
    for name in rows[0]:
        if name == "behaviour":
            continue
        # Of a behaviour that nobody predicted there is no precision; it pulls the mean of F1 down, not this one.
        values = [float(rows[index][name]) for index in shown if rows[index][name] != ""]
        averaged = name in ("precision", "recall", "f1", "kappa") or name.startswith("bout_f1")
        mean[name] = "" if not averaged or not values else _text(sum(values) / len(values))
    yield mean


def _row(one: "ClassAgreement") -> dict[str, Any]:
    from amclip.ethogram.agreement import IOUS

    both, first, second, _ = one.frames.tolist()
    row: dict[str, Any] = {
        "behaviour": one.behaviour,
        "predicted_frames": both + first,
        "labelled_frames": both + second,
        "precision": _text(one.precision),
        "recall": _text(one.recall),
        "f1": _text(one.f1),
        "kappa": _text(one.kappa),
        "predicted_bouts": one.predicted_bouts,
        "labelled_bouts": one.labelled_bouts,
    }
    row |= {f"bout_f1_iou_{iou:g}": _text(one.bout_f1(iou)) for iou in IOUS}
    for name, errors in (("onset", one.onset_errors), ("offset", one.offset_errors)):
        low, median, high = _quartiles(errors)
        row |= {f"{name}_error_median": median, f"{name}_error_q25": low, f"{name}_error_q75": high}
    return row


def _quartiles(values: Sequence[float]) -> list[str]:
    import numpy as np

    return [_text(float(value)) for value in np.quantile(values, (0.25, 0.5, 0.75))] if values else ["", "", ""]


def _match_row(match: "BoutMatch", named: bool) -> list[str]:
    times = [
        "" if bout is None else f"{time:.6f}"
        for bout in (match.predicted, match.labelled)
        for time in ((bout.start, bout.stop) if bout is not None else (0.0, 0.0))
    ]
    whose = [match.subject] if named else []
    return [path_cell(match.video), *whose, match.behaviour, *times, _text(match.iou)]


def _text(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6f}"


def _write(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    with writing_text(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _print(
    rows: Sequence[dict[str, Any]],
    videos: int,
    found: "Agreement",
    by_animal: dict[str, list[dict[str, Any]]],
    mean: dict[str, Any],
) -> None:
    from rich.table import Table
    from rich.text import Text

    from amclip.ethogram.agreement import IOUS

    title = f"{found.seconds:g} s of {videos} {'videos' if videos > 1 else 'video'}"
    if by_animal:
        title = f"{found.seconds:g} s of {counted(len(by_animal), 'animal')} in {counted(videos, 'video')}"
    frames = Table(title=f"{title}, frame by frame at {found.fps:g} per second", title_justify="left")
    bouts = Table(
        title="Bout by bout",
        title_justify="left",
        caption="F1 over bouts matched one to one that share at least that part of their union in time; start and "
        "stop: median of predicted minus labelled, seconds",
        caption_justify="left",
    )
    for table, names in (
        (frames, ("precision", "recall", "F1", "kappa")),
        (bouts, ("predicted", "labelled", *(f"F1 {iou:g}" for iou in IOUS), "start", "stop")),
    ):
        table.add_column("behaviour")
        for name in names:
            table.add_column(name, justify="right")
    for row in rows:
        frames.add_row(Text(row["behaviour"]), *(_short(row[name]) for name in ("precision", "recall", "f1", "kappa")))
        bouts.add_row(
            Text(row["behaviour"]),
            *(str(row[name]) for name in ("predicted_bouts", "labelled_bouts")),
            *(_short(row[f"bout_f1_iou_{iou:g}"]) for iou in IOUS),
            *(_short(row[f"{name}_error_median"], "+.2f") for name in ("onset", "offset")),
        )
    print_table(frames)
    print_table(bouts)
    if by_animal:
        _print_animals(by_animal, mean)


def _print_animals(by_animal: dict[str, list[dict[str, Any]]], total: dict[str, Any]) -> None:
    """A line per animal: the means over the behaviours that the labels show of it."""
    from rich.table import Table
    from rich.text import Text

    from amclip.ethogram.agreement import IOUS

    scores = {"precision": "precision", "recall": "recall", "f1": "F1", "kappa": "kappa"}
    scores |= {f"bout_f1_iou_{iou:g}": f"bout F1 {iou:g}" for iou in IOUS}
    table = Table(title="Animal by animal, means over behaviours", title_justify="left")
    table.add_column("animal")
    for name in scores.values():
        table.add_column(name, justify="right")
    means = {subject or "(no animal)": rows[-1] for subject, rows in by_animal.items()}
    for subject, mean in (means | {ALL_ANIMALS: total}).items():
        table.add_row(Text(subject), *(_short(mean[name]) for name in scores))
    print_table(table)


def _short(text: str, form: str = ".2f") -> str:
    # Rounded first, and 0.0 added: else a little less than nothing is shown as -0.00.
    return format(round(float(text), 2) + 0.0, form) if text else "–"
