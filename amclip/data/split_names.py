"""The three splits, and what else they are called."""

__all__ = ["SPLITS", "split_name"]

SPLITS = ("train", "val", "test")
_SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing", "holdout"),  # "holdout" is zamba's word
}


def split_name(text: str) -> str:
    """``"train"``, ``"val"`` or ``"test"`` for any of the usual spellings (``training``, ``dev``, ``holdout``, …).

    Raises:
        ValueError: If the spelling is not known.
    """
    for name, spellings in _SPLIT_NAMES.items():
        if text.strip().lower() in spellings:
            return name
    known = ", ".join(spelling for spellings in _SPLIT_NAMES.values() for spelling in spellings)
    raise ValueError(f"{text!r} is not a split; known names are {known}")
