"""What is wrong with labels, and where: file, line and column."""

from collections.abc import Sequence

__all__ = ["LabelError", "raise_together"]


class LabelError(ValueError):
    """A label table that cannot be used as it is.

    Args:
        reason: What is wrong, the value seen, and what to do.
        file: The table.
        line: Line in the file, counted from 1.
        column: Name of the column.
        others: What else is wrong in the same table, as far as it was read.
    """

    def __init__(
        self,
        reason: str,
        file: str | None = None,
        line: int | None = None,
        column: str | None = None,
        others: tuple["LabelError", ...] = (),
    ) -> None:
        super().__init__(reason, file, line, column, others)
        self.reason, self.file, self.line, self.column, self.others = reason, file, line, column, others

    def __str__(self) -> str:
        where = [part for part in (self.file, self.line and f"line {self.line}") if part]
        if self.column:
            where.append(f"column {self.column!r}")
        more = f" (and {len(self.others)} more such rows; `amclip check` lists them all)" if self.others else ""
        return f"{', '.join(where)}: {self.reason}{more}" if where else f"{self.reason}{more}"


def raise_together(errors: Sequence[LabelError]) -> None:
    """Raise the first error with all others on it; nothing if there is none."""
    if errors:
        first = errors[0]
        raise LabelError(first.reason, first.file, first.line, first.column, tuple(errors[1:]))
