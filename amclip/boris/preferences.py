"""Where BORIS looks for a user's own plug-ins: a preference in ``.boris`` in the home folder, which Qt writes.

Qt holds BORIS' preferences as one value of an INI file: a map in the binary form of ``QDataStream`` (version 4.0),
whose bytes are escaped. Only the entry in question is read and written; all other bytes stay as they are. BORIS writes
the file when it ends, so what is written while it runs is lost.
"""

import re
import struct
from pathlib import Path

from amclip.atomic import write_bytes

__all__ = ["BACKUP", "FILE", "personal_folder", "set_personal_folder"]

FILE = ".boris"
"""The file in the home folder."""
BACKUP = ".boris.before_amclip"
"""What the file held before it was changed, beside it."""

_ENTRY = "personal_plugins_dir"
_LINE = re.compile(rb"^config=@Variant\((.*)\)\r?$", re.MULTILINE)
# One byte of the value: by its number, by a letter, or as it is.
_BYTE = re.compile(rb"\\x[0-9a-fA-F]{1,2}|\\[0-7]{1,3}|\\.|[^\\]", re.DOTALL)
_LETTERS = {b"a": 7, b"b": 8, b"f": 12, b"n": 10, b"r": 13, b"t": 9, b"v": 11, b'"': 34, b"?": 63, b"'": 39, b"\\": 92}
_MAP, _TEXT = struct.pack(">I", 8), struct.pack(">I", 10)  # QMetaType's numbers
_NULL = 0xFFFFFFFF


def personal_folder(file: Path) -> Path | None:
    """The folder that BORIS takes a user's own plug-ins from; ``None`` where none is set.

    Args:
        file: BORIS' preferences.

    Raises:
        ValueError: If there are preferences in a form that is not known.
    """
    if not file.is_file():
        return None
    name = _Preferences(file).text
    return Path(name).expanduser() if name else None


def set_personal_folder(file: Path, folder: Path) -> None:
    """Set the folder, and keep what the file held beside it (:data:`BACKUP`).

    Who may read the file stays as it is; where it is a link, what it points to is changed.

    Args:
        file: BORIS' preferences, which must be there: BORIS writes them when it ends for the first time.
        folder: The folder.

    Raises:
        FileNotFoundError: If there are none yet.
        ValueError: If they are in a form that is not known; nothing is written then.
    """
    preferences = _Preferences(file)
    changed = preferences.with_text(str(folder))
    target, mode = file.resolve(), file.stat().st_mode
    for path, content in ((file.with_name(BACKUP), preferences.content), (target, changed)):
        write_bytes(path, content)
        path.chmod(mode)


class _Preferences:
    """The file, and where in it the entry is, or may be put.

    Attributes:
        content: The file.
        text: What the entry says; ``None`` where there is no such entry.
    """

    def __init__(self, file: Path) -> None:
        self.content = file.read_bytes()
        self._unknown = ValueError(f"{file}: is not written as by the versions of BORIS that are known")
        line = _LINE.search(self.content)
        if line is None:
            raise self._unknown
        self._at = line.start(1)
        pieces = _BYTE.findall(line.group(1))
        self._value = bytes(map(_byte, pieces))
        self._ends = [0]  # of each byte, in the line
        for piece in pieces:
            self._ends.append(self._ends[-1] + len(piece))
        if len(self._value) < 8 or self._value[:4] != _MAP or self._ends[-1] != len(line.group(1)):
            raise self._unknown
        self._count = struct.unpack_from(">I", self._value, 4)[0]
        key = _packed(_ENTRY) + _TEXT
        place = self._value.find(key)
        if self._value.count(key) > 1 or (place < 0 and _packed(_ENTRY) in self._value):
            raise self._unknown
        self.text: str | None = None
        self._from = self._to = 8  # a new entry is the first
        if place >= 0:
            self._from, begins = place, place + len(key) + 4
            length = struct.unpack_from(">I", self._value, begins - 4)[0]
            size = 0 if length == _NULL else length
            self._to = begins + size
            if self._to > len(self._value):
                raise self._unknown
            self.text = self._value[begins : self._to].decode("utf-16-be", "replace")

    def with_text(self, text: str) -> bytes:
        """The file with another text of the entry."""
        count = self._count + (self.text is None)
        head = _escaped(_MAP + struct.pack(">I", count))
        entry = _escaped(_packed(_ENTRY) + _TEXT + _packed(text))
        before, after = (self._at + self._ends[place] for place in (self._from, self._to))
        return (
            self.content[: self._at]
            + head
            + self.content[self._at + self._ends[8] : before]
            + entry
            + self.content[after:]
        )


def _packed(text: str) -> bytes:
    """A text as ``QDataStream`` has it: its length in bytes, and UTF-16."""
    content = text.encode("utf-16-be")
    return struct.pack(">I", len(content)) + content


def _byte(piece: bytes) -> int:
    if piece[:1] != b"\\":
        return piece[0]
    if piece[1:2] == b"x":
        return int(piece[2:], 16)
    if piece[1:].isdigit():
        return int(piece[1:], 8) & 0xFF
    return _LETTERS.get(piece[1:], piece[1])


def _escaped(content: bytes) -> bytes:
    """Bytes by their numbers: each begins with a backslash, which ends the number before."""
    return b"".join(b"\\x%02x" % byte for byte in content)
