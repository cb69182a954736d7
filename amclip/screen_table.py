"""Tables on a screen: a column of names, which may be long, and columns of numbers, which stay whole."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["print_table"]

_ROOM = 24  # characters for names, where they are longer; less, and the table's lines are left out
_LEAST = 10  # characters for names, however narrow the screen


def print_table(table: "Table") -> None:
    """Print a table that fits the screen: long names go on in the next line, none is cut off.

    Where the numbers leave little room, the lines between columns go, and headings of several words stand in several
    lines.

    Args:
        table: Its first column holds names, the others numbers.
    """
    from rich import box
    from rich.console import Console

    console = Console()
    names, *numbers = table.columns
    names.overflow = "fold"
    for column in numbers:
        column.no_wrap = True
    unlimited = console.options.update(width=10_000)
    table.title, title, table.caption, caption = None, table.title, None, table.caption  # these may wrap
    whole = console.measure(table, options=unlimited).maximum
    longest = max(console.measure(cell, options=unlimited).maximum for cell in (names.header, *names.cells))
    if console.width - (whole - longest) < min(longest, _ROOM):
        table.box, table.collapse_padding, table.pad_edge = box.SIMPLE_HEAD, True, False
        for column in numbers:
            column.header = str(column.header).replace(" ", "\n")
        rest = console.measure(table, options=unlimited).maximum - longest
        # Of screens narrower than 80 characters: better too wide than unreadable.
        console.width = max(console.width, rest + min(longest, _LEAST))
    table.title, table.caption = title, caption
    console.print(table)
