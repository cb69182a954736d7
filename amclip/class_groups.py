"""Head, middle and tail: groups of classes by how often they occur, and what is known of the classes in training."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

__all__ = ["CLASS_GROUPS", "ClassStatistics", "class_groups_by_count"]

CLASS_GROUPS = ("head", "middle", "tail")


@dataclass(frozen=True)
class ClassStatistics:
    """What is known of the classes in training.

    Attributes:
        groups: ``"head"``, ``"middle"`` or ``"tail"`` for each class.
        counts: Training clips per class; None where they are not known.
        num_clips: Training clips.
    """

    groups: tuple[str, ...]
    counts: tuple[int, ...] | None = None
    num_clips: int = 0

    @classmethod
    def of(cls, targets: NDArray[Any], groups: Sequence[str] | None) -> "ClassStatistics":
        """Of training clips.

        Args:
            targets: Their labels, 0 or 1, ``[N, C]``.
            groups: Of each class; default: by its number of clips, see :func:`class_groups_by_count`.
        """
        counts = targets.sum(axis=0).astype(int).tolist()
        return cls(tuple(groups or class_groups_by_count(counts)), tuple(counts), len(targets))


def class_groups_by_count(counts: Sequence[int], head: int = 500, tail: int = 100) -> list[str]:
    """Head, middle or tail of each class, by its number of training clips.

    Args:
        counts: Training clips per class.
        head: Least number of a head class.
        tail: Least number of a middle class. 500 and 100 are what separates Animal Kingdom's published groups
            (sutdcv/Animal-Kingdom, ``df_action.xlsx``) and what Animal-CLIP applies to training counts.

    Raises:
        ValueError: If ``head`` is below ``tail``.
    """
    if head < tail:
        raise ValueError(f"head classes have at least as many clips as middle ones; got {head} and {tail}")
    return ["head" if count >= head else "middle" if count >= tail else "tail" for count in counts]
