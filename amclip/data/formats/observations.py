"""Which of BORIS' observations are read, where a file holds several of one video."""

import fnmatch
from collections.abc import Iterable, Sequence
from typing import ClassVar

from amclip.data.label_error import LabelError

__all__ = ["NoObservationsError", "Observations", "refuse_observations"]

_NAMED = 12  # that a message lists


class NoObservationsError(LabelError):
    """Observations were chosen from a table that has none, as only BORIS' have."""


class Observations:
    """Observations that were chosen, by name or by pattern.

    Args:
        patterns: Names; ``*`` and ``?`` stand for any letters and for one, so that ``*`` are all.

    Raises:
        ValueError: If none is given.
    """

    HOW_TO_CHOOSE: ClassVar[str] = (
        "Choose by name or pattern (--data.source.observations; amclip convert: --observations; amclip evaluate: "
        '--predicted_observations, --label_observations): "*coder A" takes one coder\'s, "*" joins all'
    )

    def __init__(self, patterns: str | Sequence[str]) -> None:
        self.patterns = [patterns] if isinstance(patterns, str) else list(patterns)
        if not self.patterns:
            raise ValueError("observations: the list is empty; name one or more, or leave it out")
        self._unused = dict.fromkeys(self.patterns)
        self._seen: dict[str, None] = {}

    def choose(self, names: Iterable[str], source: str) -> list[str]:
        """Those of a source's observations that fit one of the patterns.

        Args:
            names: All observations of the source.
            source: The file, for messages.

        Raises:
            LabelError: If none does; names those that are there.
        """
        there = list(dict.fromkeys(names))
        self._seen.update(dict.fromkeys(there))
        fitting = [(name, pattern) for name in there for pattern in self.patterns if _fits(name, pattern)]
        if not fitting:
            raise self._refusal(self.patterns, there, source)
        for _, pattern in fitting:
            self._unused.pop(pattern, None)
        return list(dict.fromkeys(name for name, _ in fitting))

    def refuse_unused(self, source: str) -> None:
        """Refuse patterns that fitted none of the observations of all sources that were read.

        Raises:
            LabelError: If there is one.
        """
        if self._unused and self._seen:
            raise self._refusal(list(self._unused), list(self._seen), source)

    @staticmethod
    def _refusal(patterns: Sequence[str], there: Sequence[str], source: str) -> LabelError:
        some = ", ".join(map(repr, there[:_NAMED])) + f" and {len(there) - _NAMED} more" * (len(there) > _NAMED)
        return LabelError(f"has no observation {' or '.join(map(repr, patterns))}; there are {some}", source)


def refuse_observations(observations: Observations | None, source: str) -> None:
    """Refuse a choice among observations for a file of a format without.

    Raises:
        NoObservationsError: If there is a choice.
    """
    if observations is not None:
        raise NoObservationsError("has no observations to choose from, as BORIS' files have; leave them out", source)


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or fnmatch.fnmatchcase(name, pattern)
