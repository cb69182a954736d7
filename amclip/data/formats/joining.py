"""What holds of several tables of labels that become one."""

from collections.abc import Iterable, Sequence

from amclip.data.label_error import LabelError, raise_together
from amclip.data.table import LabelTable

__all__ = ["in_words", "joined_classes", "refuse_untold"]

_NAMED = 3  # tables that messages name


def in_words(sources: Iterable[str]) -> str:
    """The first of several tables, for messages, and how many there are beside them."""
    names = list(sources)
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def joined_classes(tables: Sequence[LabelTable]) -> list[str]:
    """The classes of all tables together: numbers by size, names sorted unless a table has an order of its own."""
    names = dict.fromkeys(name for table in tables for name in table.classes)
    if all(name.isdecimal() for name in names):
        return sorted(names, key=int)
    ordered = all(table.classes == tuple(sorted(table.classes)) for table in tables)
    return sorted(names) if ordered else list(names)


def refuse_untold(tables: Sequence[LabelTable], classes: Sequence[str] | None) -> None:
    """What a file shows of a behaviour that it has no column of, or no entry in its own list of them, is not known.

    Args:
        tables: The table that is read, or those that are joined.
        classes: The classes; None: those of all tables.

    Raises:
        LabelError: If a table says nothing of one of them.
    """
    names = joined_classes(tables) if classes is None else classes
    errors = []
    for table in tables:
        missing = [] if table.told is None else [name for name in names if name not in table.told]
        if missing:
            others = ", as others do" if len(tables) > 1 else ", which the classes name"
            reason = f"says nothing of {', '.join(missing)}{others}: whether it shows them is not known. Give files of "
            reason += "the same behaviours: one that was looked for and never seen has a column of 0, or an entry in "
            reason += "the list of behaviours; where each file is of one, give those of all"
            errors.append(LabelError(reason, table.source))
    raise_together(errors)
