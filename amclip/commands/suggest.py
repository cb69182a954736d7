"""``amclip suggest``: which stretches of unlabelled video to label next, and a page to label them in."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from amclip.atomic import refuse_overwriting
from amclip.commands.parsing import run_command
from amclip.text import printable

if TYPE_CHECKING:
    from amclip.ethogram.inputs import Source
    from amclip.suggest.pool import Stretches

__all__ = ["run_suggest", "suggest"]


def run_suggest(args: list[str]) -> None:
    """Parse the words after ``suggest`` and carry it out.

    Args:
        args: The words.
    """
    switches = {"transcode": "Make copies of videos that browsers do not play."}
    run_command(suggest, args, ("videos", "Videos, folders of videos, or patterns in quotes."), switches, several=True)


def suggest(
    videos: list[str],
    checkpoint: str,
    output: str,
    count: int = 50,
    window: float | None = None,
    hop: float | None = None,
    labelled: str | list[str] | None = None,
    root: str | None = None,
    label_fps: float | None = None,
    transcode: bool = False,
    seed: int = 0,
    batch_size: int | None = None,
    accelerator: Literal["auto", "cpu", "gpu"] = "auto",
    probe_timeout: float = 20.0,
) -> None:
    """List the windows of unlabelled videos that are best labelled next, and write a page to label them in.

    Chosen are windows that the network is unsure of and that differ from each other. OUTPUT/suggestions.csv lists them,
    the most unsure first; OUTPUT/suggest.html plays them one by one and gives the labels as a table for `amclip fit`.

    Args:
        videos: Videos, folders of videos, or patterns in quotes.
        checkpoint: A checkpoint of `amclip fit`.
        output: Folder for list and page.
        count: How many windows to suggest.
        window: Length of a window in seconds. Default: the length of the clips that the checkpoint was trained on.
        hop: Seconds from the start of one window to the next. Default: the length, so that windows do not overlap.
        labelled: A table of clips that are labelled already, or several: '[a.csv, b.csv]'; windows that overlap one of
            them are left out.
        root: The folder that their paths start from. Default: the folder of the (first) table.
        label_fps: Frames per second, for labels per frame (DeepEthogram, FERAL) of videos that are not there.
        transcode: Make copies, in `media` beside the page, of videos that browsers do not play (AVI and others).
        seed: Of the grouping of windows.
        batch_size: Windows scored at a time. Default: 1 on a CPU, 8 on a GPU.
        accelerator: auto takes a GPU where there is one.
        probe_timeout: Seconds without progress after which a video counts as unreadable.

    Raises:
        ValueError: If a setting does not fit, or no window is left to suggest.
        FileNotFoundError: If a video, the checkpoint or the table does not exist.
        SystemExit: With 1 where videos could not be read; windows of all others are suggested.
    """
    import torch

    from amclip.data.several import files_read, root_of
    from amclip.ethogram.inputs import find_sources
    from amclip.ethogram.plan import DEFAULT_WINDOW
    from amclip.inference import load_model
    from amclip.suggest.outputs import write_list, write_suggestions
    from amclip.suggest.pool import choose_from, embed_pool, labelled_stretches

    for name, seconds in (("window", window), ("hop", hop), ("probe_timeout", probe_timeout)):
        if seconds is not None and not 0 < seconds < float("inf"):
            raise ValueError(f"--{name}: expected seconds above 0, got {seconds}")
    for name, number in (("count", count), ("batch_size", batch_size)):
        if number is not None and number < 1:
            raise ValueError(f"--{name}: expected 1 or more, got {number}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"--seed: expected a number from 0 to {2**32 - 1}, got {seed}")
    sources = find_sources(videos)
    inputs: list[str | Path] = [
        checkpoint,
        *(source.path for source in sources),
        *([] if labelled is None else files_read(labelled)),
    ]
    for name in ("suggestions.csv", "suggest.html"):
        refuse_overwriting("--output", Path(output) / name, inputs)
    taken = {} if labelled is None else labelled_stretches(labelled, root, label_fps)
    if labelled is not None:
        _tell_labelled(taken, sources, root_of(labelled) if root is None else Path(root))
    gpu = accelerator == "gpu" or (accelerator == "auto" and torch.cuda.is_available())
    model = load_model(checkpoint, "cuda" if gpu else "cpu")
    length = window or model.clip_seconds or DEFAULT_WINDOW
    pool, errors = embed_pool(model, sources, length, hop or length, batch_size or (8 if gpu else 1), probe_timeout)
    chosen, free = choose_from(pool, taken, count, seed, apart=hop is None or hop >= length)
    folder = Path(output)
    write_list(folder / "suggestions.csv", chosen)
    page = write_suggestions(folder, chosen, dict(zip(model.classes, model.thresholds, strict=True)), length, transcode)
    print(f"{len(chosen)} of {free} windows of {length:g} s suggested")
    print(f"  list  {folder / 'suggestions.csv'}\n  page  {page}")
    if errors:
        print(f"{len(errors)} of {len(sources)} videos could not be read:")
        for name, reason in errors.items():
            print(printable(f"  {name}: {reason}"))
        raise SystemExit(1)


def _tell_labelled(taken: "Stretches", sources: "Sequence[Source]", root: Path) -> None:
    """How many labelled clips lie in the videos: none may mean that the table's paths start elsewhere."""
    number = sum(map(len, taken.values()))
    here = sum(len(taken.get(source.path.resolve(), ())) for source in sources)
    if here:
        print(f"{here} of {number} labelled clips lie in these videos; windows that overlap them are left out")
        return
    print(
        f"warning: none of the {number} labelled clips lies in these videos, so that nothing is left out; the first is "
        f"looked for at {next(iter(taken))}. If they should, name the folder that the table's paths start from: --root "
        f"(now {root})",
        file=sys.stderr,
    )
