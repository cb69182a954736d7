"""``amclip suggest``: which intervals of unlabelled video to label next, and a page to label them in."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from amclip.atomic import refuse_overwriting
from amclip.commands.given_files import refuse_missing
from amclip.commands.options import ScoringOptions
from amclip.commands.parsing import VIDEOS, CommandWords
from amclip.text import counted, printable

if TYPE_CHECKING:
    from amclip.ethogram.inputs import Source
    from amclip.suggest.pool import Intervals

__all__ = ["WORDS", "suggest"]


WORDS = CommandWords(VIDEOS, {"transcode": "Make copies of videos that browsers do not play."}, several=True)


@dataclass(frozen=True)
class LabelledOptions:
    """What is labelled already.

    Args:
        labelled: A table of clips that are labelled already, or several: '[a.csv, b.csv]'; windows that overlap one of
            them are left out.
        root: The folder that their paths start from. Default: the folder of the (first) table.
        label_fps: Frames per second, for labels that count frames of videos that are not there.
    """

    labelled: str | list[str] | None = None
    root: str | None = None
    label_fps: float | None = None


def suggest(
    videos: list[str],
    checkpoint: str,
    output: str,
    tracks: str | list[str] | None = None,
    count: int = 50,
    transcode: bool = False,
    seed: int = 0,
    scoring: ScoringOptions = ScoringOptions(),
    labelled: LabelledOptions = LabelledOptions(),
) -> None:
    """List the windows of unlabelled videos that are best labelled next, and write a page to label them in.

    Chosen are windows that the network is unsure of and that differ from each other. OUTPUT/suggestions.csv lists them,
    the most unsure first; OUTPUT/suggest.html plays them one by one and gives the labels as a table for `amclip fit`.

    Args:
        videos: Videos, folders of videos, or patterns in quotes.
        checkpoint: A checkpoint of `amclip fit`.
        output: Folder for list and page.
        tracks: Where each animal is, as a file or folder, or several: [FILE, FILE]; windows of each tracked animal are
            suggested. For a checkpoint that was trained on animals cut out.
        count: How many windows to suggest.
        transcode: Make copies, in `media` beside the page, of videos that browsers do not play (AVI and others).
        seed: Of the grouping of windows.
        scoring: How windows are scored; they do not overlap, where --hop does not say.
        labelled: What is labelled already.

    Raises:
        ValueError: If a setting does not fit, or no window is left to suggest.
        FileNotFoundError: If a video, the checkpoint or the table does not exist.
        SystemExit: With 1 where videos could not be read; windows of all others are suggested.
    """
    from amclip.commands.video_tracks import refuse_lone_tracks, tracks_of_sources
    from amclip.data.sources import default_root, files_read
    from amclip.data.tracks import track_files
    from amclip.ethogram.inputs import find_sources

    if count < 1:
        raise ValueError(f"--count: expected 1 or more, got {count}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"--seed: expected a number from 0 to {2**32 - 1}, got {seed}")
    refuse_missing(checkpoint)
    scoring.refuse_no_decoder()
    sources = find_sources(videos)
    tables, root = labelled.labelled, labelled.root
    boxes = None if tracks is None else tracks_of_sources(tracks, sources)
    inputs: list[str | Path] = [checkpoint, *(source.path for source in sources)]
    inputs += [] if tables is None else files_read(tables)
    inputs += [] if tracks is None else track_files(tracks)
    for name in ("suggestions.csv", "suggest.html"):
        refuse_overwriting("--output", Path(output) / name, inputs)
    from amclip.inference import load_model  # here, since wrong options are answered without PyTorch
    from amclip.suggest.outputs import write_list, write_suggestions
    from amclip.suggest.pool import choose_from, embed_pool, labelled_intervals

    taken = {} if tables is None else labelled_intervals(tables, root, labelled.label_fps)
    if tables is not None:
        _tell_labelled(taken, sources, default_root(tables) if root is None else Path(root))
    for note in () if boxes is None else boxes.notes:
        print(printable(note), file=sys.stderr)
    precision, why = scoring.chosen_precision
    model = load_model(checkpoint, "cuda" if scoring.gpu else "cpu").compute_in(precision)
    refuse_lone_tracks(model.input, boxes)
    length, hop = scoring.windows(model, 1.0)
    print(f"Windows of {length:g} s, every {hop:g} s; precision {precision}{why}")
    pool, errors = embed_pool(model, sources, length, hop, scoring.batch, scoring.probe_timeout, boxes, scoring.decoder)
    chosen, free = choose_from(pool, taken, count, seed, apart=hop >= length)
    folder = Path(output)
    write_list(folder / "suggestions.csv", chosen)
    thresholds = dict(zip(model.classes, model.thresholds, strict=True))
    page = write_suggestions(folder, pool, chosen, thresholds, length, transcode, boxes)
    print(f"{len(chosen)} of {free} windows of {length:g} s suggested")
    print(f"  list  {folder / 'suggestions.csv'}\n  page  {page}")
    if errors:
        print(f"{len(errors)} of {counted(len(sources), 'video')} could not be read:")
        for name, reason in errors.items():
            print(printable(f"  {name}: {reason}"))
        raise SystemExit(1)


def _tell_labelled(taken: "Intervals", sources: "Sequence[Source]", root: Path) -> None:
    """How many labelled clips lie in the videos: none may mean that the table's paths start elsewhere."""
    number = sum(map(len, taken.values()))
    here = sum(len(taken.get(source.path.resolve(), ())) for source in sources)
    if here:
        print(
            f"{here} of {counted(number, 'labelled clip')} lie in these videos; windows that overlap them are left out"
        )
        return
    print(
        f"warning: none of the {number} labelled clips lies in these videos, so that nothing is left out; the first is "
        f"looked for at {next(iter(taken))}. If they should, name the folder that the table's paths start from: --root "
        f"(now {root})",
        file=sys.stderr,
    )
