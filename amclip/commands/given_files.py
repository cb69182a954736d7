"""Files that a command's words name, looked for before anything is loaded: PyTorch and Lightning take seconds."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["refuse_missing", "refuse_missing_words"]

_NAMED = {"--config": (".yaml", ".yml", ".json"), "-c": (".yaml", ".yml", ".json"), "--ckpt_path": (".ckpt",)}
"""Options, and how their values end where they are files: they may be text or words such as best, too."""


def refuse_missing(*paths: str | None) -> None:
    """Refuse files that are not there; None is none.

    Raises:
        FileNotFoundError: If one is not.
    """
    for path in paths:
        if path is not None and not Path(path).is_file():
            raise FileNotFoundError(f"{path}: {_why(path)}")


def refuse_missing_words(args: Iterable[str]) -> None:
    """Refuse config files and checkpoints that are not there, of words that Lightning's parser will read.

    Args:
        args: The words after the command.

    Raises:
        FileNotFoundError: If one is not; names the option.
    """
    for option, value in _values(args):
        if not value.endswith(_NAMED[option]) or "://" in value or "\n" in value:
            continue
        if not Path(os.path.expanduser(value)).exists():  # the shell leaves the ~ of --config=~/FILE to us
            raise FileNotFoundError(f"{option}: {value}: {_why(value)}")


def _why(path: str) -> str:
    if Path(path).exists():
        return "is no file"
    return "there is no such checkpoint" if path.endswith(".ckpt") else "is not there"


def _values(args: Iterable[str]) -> Iterator[tuple[str, str]]:
    option = ""
    for word in args:
        name, equals, value = word.partition("=")
        if equals and name in _NAMED:
            yield name, value
        elif option:
            yield option, word
        option = word if word in _NAMED else ""
