"""Find the videos of a table that names them otherwise than they lie: without a suffix, or where they lay elsewhere.

A name is the same in all forms of Unicode: a Mac stores ``ä`` as two letters, Windows and Linux type it as one. Letter
case counts: ``A.mp4`` and ``a.mp4`` may be two videos, one of which is missing; there the name of the file
that is there is said.
"""

import os
import re
import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from amclip.data.find import in_its_place
from amclip.data.label_error import LabelError, raise_together
from amclip.data.table import Clip, LabelTable
from amclip.data.video_file import VIDEO_SUFFIXES

__all__ = ["Locator", "locate_videos", "same_name", "spelled", "video_path"]

_ABSOLUTE = re.compile(r"/|[A-Za-z]:/")


def video_path(root: str | os.PathLike[str], clip: Clip) -> Path:
    """Where the video of a clip lies: below ``root``, unless the table gives an absolute path."""
    return Path(root) / clip.video


def same_name(name: str) -> str:
    """A name in the one form of Unicode in which names are compared (NFC)."""
    return unicodedata.normalize("NFC", name)


def locate_videos(table: LabelTable, root: str | os.PathLike[str], strict: bool = True) -> LabelTable:
    """Complete names without the suffix of a video, and make absolute ones relative to the root.

    ``AAACXZTV`` is the folder of images, or else ``AAACXZTV.mp4``. BORIS' projects and some tables have absolute names:
    one below the root becomes relative, so that a video has one name in all tables; one that is not there, as in a
    project from another computer, is looked for below the root by as many of its last folders as fit.

    Args:
        table: Clips.
        root: Folder that relative paths start from.
        strict: Whether to raise; else a name of which an error would tell stays as it is, as one that fits nothing.

    Returns:
        The table with the names of files that are there; a name that fits nothing stays as it is.

    Raises:
        LabelError: If several files fit a name, several absolute names one file, or only a file of another letter case.
    """
    locator = Locator(root)
    found: dict[str, str] = {}
    by_end: dict[str, str] = {}  # what was found by the name of the file alone
    errors = []
    for clip in table.clips:
        name = clip.video
        if name in found:
            continue
        try:
            near = found[name] = locator.find(name) or name
            alone = bool(_ABSOLUTE.match(name)) and near == PurePosixPath(near).name and not os.path.exists(name)
            other = by_end.setdefault(near, name) if alone else name
            if other != name:
                raise LabelError(
                    f"{name} and {other} are not there, and below {root} only {near} has their name; keep videos of "
                    "one name in folders of their own"
                )
        except LabelError as error:
            found[name] = name
            errors.append(LabelError(error.reason, table.file_of(clip), clip.line))
    if strict:
        raise_together(errors)
    moved = {name: new for name, new in found.items() if name != new}
    if not moved:
        return table
    clips = tuple(clip.of_video(moved[clip.video]) if clip.video in moved else clip for clip in table.clips)
    return replace(table, clips=clips)


def spelled(path: str | os.PathLike[str]) -> Path:
    """A file that a command line names, as its name is stored.

    Raises:
        FileNotFoundError: If there is none; says where only the letter case differs.
    """
    given = Path(path)
    if given.exists():
        return given
    try:
        found = Locator(given.anchor or ".").below(given.relative_to(given.anchor).as_posix(), complete=False)
    except LabelError as error:
        raise FileNotFoundError(error.reason) from None
    if found is None:
        raise FileNotFoundError(f"{path} does not exist{in_its_place(path)}")
    return Path(given.anchor, found)


@dataclass
class _Listing:
    """The names in a folder; by their form that is compared, and videos without suffix too."""

    names: set[str] = field(default_factory=set)
    by_form: dict[str, list[str]] = field(default_factory=dict)
    by_stem: dict[str, list[str]] = field(default_factory=dict)
    by_case: dict[str, list[str]] = field(default_factory=dict)


class Locator:
    """Finds videos below a folder by names in tables; remembers what lies in the folders it has looked into.

    Args:
        root: The folder.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root)
        self._listings: dict[Path, _Listing] = {}

    def find(self, name: str) -> str | None:
        """The name, below the root or absolute, of the file that a table means; ``None`` where none fits.

        Raises:
            LabelError: If several fit, or one whose letter case is another.
        """
        name = name.replace("\\", "/")
        if not _ABSOLUTE.match(name):
            return self.below(name)
        path = Path(name)
        near = _relative(path, self._root) if path.is_absolute() else None  # C:/a.mp4 is none here
        if near is not None:
            return self.below(near) or near
        if os.path.exists(path):  # Path.exists() raises where a name is too long for any file
            return None
        parts = path.parts[1:]
        ends = ("/".join(parts[at:]) for at in range(len(parts)))
        return next((found for end in ends if (found := self.below(end)) is not None), None)

    def below(self, name: str, complete: bool = True) -> str | None:
        """The name of the file below the root that a relative name means; ``None`` where none fits.

        Args:
            name: With ``/`` between folders.
            complete: Whether a video's name may lack its suffix.

        Raises:
            LabelError: If several fit, or one whose letter case is another.
        """
        folder, parts, exact = self._root, name.split("/"), True
        found: list[str] = []
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            if part in ("", ".", ".."):
                there: str | None = part
            else:
                listing = self._listing(folder)
                there = _in(listing, part, name, complete and last)
                if there is None and (other := listing.by_case.get(same_name(part).casefold())):
                    there, exact = other[0], False
            if there is None:
                return None
            found.append(there)
            folder = folder / there
        real = "/".join(found)
        if exact or os.path.exists(self._root / name):  # some file systems do not tell letter case
            return real if exact else name
        raise LabelError(
            f"{name} is not there; there is {real}, whose letter case is another: write the name as it is stored, or "
            f"rename what is there: {self._renaming(parts, found)}"
        )

    def _renaming(self, parts: Sequence[str], found: Sequence[str]) -> str:
        """The command that gives the first folder or file of another name the name that is asked for."""
        at = next(n for n, (part, there) in enumerate(zip(parts, found, strict=True)) if same_name(part) != there)
        old, new = (self._root.joinpath(*found[:at], name) for name in (found[at], parts[at]))
        return shlex.join(["mv", str(old), str(new)])

    def _listing(self, folder: Path) -> _Listing:
        """What lies in a folder; cheaper than asking for each clip."""
        if folder not in self._listings:
            listing = self._listings[folder] = _Listing()
            try:
                listing.names.update(os.listdir(folder))
            except OSError:
                return listing
            for name in sorted(listing.names):
                form = same_name(name)
                listing.by_form.setdefault(form, []).append(name)
                listing.by_case.setdefault(form.casefold(), []).append(name)
                stem, suffix = os.path.splitext(form)
                if suffix.lower() in VIDEO_SUFFIXES:
                    listing.by_stem.setdefault(stem, []).append(name)
        return self._listings[folder]


def _in(listing: _Listing, part: str, name: str, complete: bool) -> str | None:
    """The one name in a folder that is the same, or, of a video without its suffix, goes on with one."""
    if part in listing.names:
        return part
    form = same_name(part)
    fitting = listing.by_form.get(form, [])
    if not fitting and complete and not form.lower().endswith(VIDEO_SUFFIXES):
        fitting = listing.by_stem.get(form, [])
    if len(fitting) > 1:
        raise LabelError(f"{name} may be {' or '.join(fitting)}; write the whole name")
    return fitting[0] if fitting else None


def _relative(path: Path, root: Path) -> str | None:
    """The name of a video below the root, if it is named as being there."""
    for top, below in ((root.absolute(), Path(os.path.normpath(path))), (root.resolve(), path.resolve())):
        if below.is_relative_to(top):
            return below.relative_to(top).as_posix()
    return None
