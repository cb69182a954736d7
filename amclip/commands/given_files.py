"""Files that a command's words name, looked for before anything is loaded: PyTorch and Lightning take seconds."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from amclip.config_path import config_path
from amclip.text import nearest

__all__ = ["refuse_missing", "refuse_missing_words"]

_CONFIG = ("--config", "-c")
_TABLES = (".csv", ".tsv", ".xlsx", ".boris", ".parquet")
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
        ValueError: If a config is a file of another kind, whose text would be shown as settings that nobody knows.
    """
    for option, value in _values(args):
        if option in _CONFIG and Path(value).suffix.lower() in _TABLES and Path(os.path.expanduser(value)).is_file():
            raise ValueError(f"{option}: {value}: is a table, not a config; labels go to --data.source.labels {value}")
        if not value.endswith(_NAMED[option]) or "://" in value or "\n" in value:
            continue
        if not Path(os.path.expanduser(value)).exists():  # the shell leaves the ~ of --config=~/FILE to us
            raise FileNotFoundError(f"{option}: {value}: {_why(value)}")


def _why(path: str) -> str:
    given = Path(os.path.expanduser(path))
    if given.exists():
        return "is no file"
    if path.endswith(".ckpt"):
        return "there is no such checkpoint"
    folder = given.parent
    known = [one.name for one in folder.iterdir() if one.suffix == given.suffix] if folder.is_dir() else []
    if like := nearest(given.name, known):
        return f"is not there; there is {Path(path).with_name(like[0])}"
    if given.parts[:1] == ("configs",):
        with contextlib.suppress(FileNotFoundError):
            return (
                f"is not there; amclip's own is {config_path(given.relative_to('configs').with_suffix('').as_posix())}"
            )
    return "is not there; `amclip new FOLDER` writes one for the videos in a folder"


def _values(args: Iterable[str]) -> Iterator[tuple[str, str]]:
    option = ""
    for word in args:
        name, equals, value = word.partition("=")
        if equals and name in _NAMED:
            yield name, value
        elif option:
            yield option, word
        option = word if word in _NAMED else ""
