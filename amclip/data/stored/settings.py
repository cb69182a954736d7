"""Where embeddings are kept, in plain values: the group ``data.embeddings`` of configs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

__all__ = ["StoredEmbeddings"]


@dataclass(frozen=True)
class StoredEmbeddings:
    """Embeddings of sampled positions, computed once and kept on disk; only for image towers that do not train.

    What was stored is found again by the content of the video, the moment, the pixels that the network sees and the
    tower's weights; where one of them is another, it is computed anew.

    Args:
        folder: Where they are kept; made if missing. Several trainings, and several processes of each, may share it.
        copies: 0: each training clip is seen as in validation, at fixed moments and not augmented. n: it is seen in n
            versions, each with moments and augmentation of its own; epoch e takes version e mod n.
        dtype: float32; or float16, which takes half the space and rounds to three digits.

    Raises:
        ValueError: If a value is out of range.
    """

    folder: str
    copies: int = 0
    dtype: Literal["float32", "float16"] = "float32"

    def __post_init__(self) -> None:
        if not self.folder:
            raise ValueError("data.embeddings.folder: expected a folder, got an empty name")
        if self.copies < 0:
            raise ValueError(f"data.embeddings.copies: expected 0 or more, got {self.copies}")
        if self.dtype not in ("float32", "float16"):
            raise ValueError(f"data.embeddings.dtype: expected float32 or float16, got {self.dtype!r}")

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self.folder).expanduser()

    @property
    def versions(self) -> int:
        """How many versions of a training clip there are."""
        return max(1, self.copies)
