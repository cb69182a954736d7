"""Files that are written whole or not at all, and never over what a command reads.

A file is written under another name beside its target, so on the target's own disk; brought to the disk; and only then
given its name. Whatever ends the run on the way (an error, a signal, a full disk, a power cut), the file that was
there before is there still.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

__all__ = ["refuse_overwriting", "replacing", "write_bytes", "writing_text"]


@contextmanager
def replacing(path: str | os.PathLike[str], suffix: str = ".partial", durable: bool = True) -> Iterator[Path]:
    """A temporary file beside a target, to be written within; it takes the target's name at the end.

    Where an error comes on the way it is removed, and the target stays as it was. Of a target that is a link the link
    is replaced, never what it points to.

    Args:
        path: The target; its folder is made if missing.
        suffix: What the temporary file's name ends in, for libraries that go by it.
        durable: Return when the file lies on the disk; without, a power cut soon after may still take it.

    Yields:
        The temporary file, which is there and empty.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # A name may have 255 bytes, so of a long one the beginning must do.
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_file_mode_mask())  # mkstemp makes files that only their owner reads
        if durable:
            _sync(temporary, os.O_RDWR)  # Windows syncs no file that is open to be read
        temporary.replace(target)
        if durable:
            with suppress(OSError):  # the name too, where a folder can be opened: not on Windows
                _sync(target.parent, os.O_RDONLY)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing_text(path: str | os.PathLike[str], durable: bool = True) -> Iterator[TextIO]:
    """A text file in UTF-8 with line ends as they are written, by :func:`replacing`.

    Bytes of file names that are no UTF-8, which Python holds as surrogates, stay the bytes that they are.
    """
    with (
        replacing(path, durable=durable) as temporary,
        temporary.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        yield file


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file by :func:`replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def refuse_overwriting(option: str, target: str | os.PathLike[str], inputs: Iterable[str | Path]) -> None:
    """Refuse a target that is one of the inputs, by whatever name it goes: links, relative paths, another case.

    Args:
        option: What names the target, as it is typed; for the message.
        target: The file to be written.
        inputs: What the command reads. Those that are not there are nobody's target.

    Raises:
        ValueError: If the target is one of them.
    """
    if not os.path.exists(target):
        return
    for one in inputs:
        if _is_same(target, one):
            also = "" if os.fspath(target) == os.fspath(one) else f", there as {os.fspath(one)}"
            raise ValueError(
                f"{option}: {os.fspath(target)} is a file that this command reads{also}; it would be overwritten. Name "
                "another"
            )


def _is_same(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):  # one of them is not there, or no name at all
        return False


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _file_mode_mask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
