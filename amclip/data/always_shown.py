"""Behaviours that every clip of a split shows: there is nothing to tell them from."""

from amclip.data.table import LabelTable

__all__ = ["always_shown"]

_FEWEST = 2  # of one clip each behaviour is shown always, or never


def always_shown(table: LabelTable, split: str | None) -> tuple[str, ...]:
    """The behaviours that all labelled clips of a split show, in the order of the classes.

    Of fewer than two clips there are none.

    Args:
        table: Clips.
        split: The split; ``None``: of clips that name none.
    """
    labels = [clip.labels for clip in table.clips if clip.split == split and clip.labels is not None]
    if len(labels) < _FEWEST:
        return ()
    shown = set(labels[0]).intersection(*labels[1:])
    return tuple(name for name in table.classes if name in shown)
