"""Names of behaviours: which can be used, and what to say of one that is not known."""

from collections import Counter
from collections.abc import Sequence

from amclip.data.label_error import LabelError
from amclip.text import holds_control, is_formula, nearest

__all__ = [
    "COLUMNS_OF_PREDICTIONS",
    "refuse_class_names",
    "refuse_columns",
    "refuse_unsafe_class",
    "round_trips",
    "unknown_class",
]

COLUMNS_OF_PREDICTIONS = ("filepath", "subject", "start", "stop", "label", "split", "error")
"""Columns of a table of predictions beside those of the classes."""


def unknown_class(name: str, classes: Sequence[str]) -> str:
    """What to say of a class that is none of those known."""
    near = nearest(name, classes)
    return f"unknown class {name!r}; " + (
        f"did you mean {near[0]!r}?" if near else f"the classes are {', '.join(classes)}"
    )


def refuse_class_names(names: Sequence[str], source: str | None = None) -> None:
    """Refuse names of behaviours that label tables do not give back, wherever they come from.

    Args:
        names: The names.
        source: The file or option that has them, for messages.

    Raises:
        LabelError: At the first of them, or at a name that stands twice.
    """
    for name in names:
        if not name.strip():
            raise LabelError(f"class name {name!r}: is empty", source)
        refuse_unsafe_class(name, source)
        if ";" in name:
            raise LabelError(f"class name {name!r}: holds ';', by which label tables separate behaviours", source)
        if not round_trips(name):
            reason = "tables do not keep tabs, line breaks, and blanks at the ends of a name"
            raise LabelError(f"class name {name!r}: {reason}; take another name", source)
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise LabelError(f"class {twice[0]!r} is named twice", source)


def refuse_columns(names: Sequence[str], source: str | None = None) -> None:
    """Refuse names of behaviours that are a column of the predictions already.

    Raises:
        LabelError: At the first of them.
    """
    for name in names:
        if name.lower() in COLUMNS_OF_PREDICTIONS:
            raise LabelError(f"class name {name!r}: is a column of the predictions; take another name", source)


def refuse_unsafe_class(name: str, source: str | None = None) -> None:
    """Refuse a name of a behaviour that a terminal would obey or a spreadsheet program would compute.

    Raises:
        LabelError: If it is one.
    """
    if holds_control(name):
        raise LabelError(f"class name {name!r}: holds control characters, which terminals obey; take another", source)
    if is_formula(name):
        raise LabelError(
            f"class name {name!r}: spreadsheet programs take what begins with {name[0]!r} for a formula; take another",
            source,
        )


def round_trips(name: str) -> bool:
    """Whether tables of text give a name back as it is."""
    return name == name.strip() and "\t" not in name and len(name.splitlines()) == 1
