"""Several tables that are joined: those of one video's animals or behaviours first, as a folder has them."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from amclip.data.formats.cutting import NotedFile, cut_part
from amclip.data.formats.folder import join_files
from amclip.data.formats.joining import in_words
from amclip.data.formats.label_format import LabelFormat, Noted, Reading
from amclip.data.formats.observations import NoObservationsError
from amclip.data.formats.reading import GivenClipsError, read_part_uncut
from amclip.data.label_error import LabelError
from amclip.data.table import LabelTable

__all__ = ["read_parts"]


def read_parts(paths: Sequence[str | os.PathLike[str]], reading: Reading) -> list[LabelTable]:
    """Read several tables, each as :func:`read_part` does.

    Files of animals or behaviours of one video become one table, as those of a folder do. Windows cut those tables that
    note bouts; clips that are given as such stay as they are. Likewise, observations are chosen where there are some.

    Raises:
        LabelError: If a table cannot be used, or windows or observations are given and no table takes them.
    """
    read: list[tuple[Path, NotedFile | LabelTable, Reading]] = []
    refusals: dict[type[LabelError], list[LabelError]] = {GivenClipsError: [], NoObservationsError: []}
    for path in paths:
        here, one = reading, None
        while one is None:
            try:
                one = read_part_uncut(path, here)
            except GivenClipsError as refusal:
                here = replace(here, windows=None)
                refusals[GivenClipsError].append(refusal)
            except NoObservationsError as refusal:
                here = replace(here, observations=None)
                refusals[NoObservationsError].append(refusal)
        read.append((Path(path), one, here))
    for refused in refusals.values():
        if len(refused) == len(paths):
            raise refused[0]
    together = _joined_files([(path, one) for path, one, _ in read])
    later = {file for files, _ in together.values() for file in files[1:]}
    tables = []
    for path, one, here in read:
        if path in together and isinstance(one, NotedFile):
            files, noted = together[path]
            tables.append(cut_part(NotedFile(one.form, noted), in_words(map(str, files)), here))
        elif path not in later:
            tables.append(cut_part(one, str(path), here))
    return tables


def _joined_files(read: Sequence[tuple[Path, NotedFile | LabelTable]]) -> dict[Path, tuple[list[Path], Noted]]:
    """Files that go together by the first of them, and what they note."""
    by_form: dict[str, tuple[LabelFormat, list[tuple[Path, Noted]]]] = {}
    for path, one in read:
        if isinstance(one, NotedFile) and not path.is_dir():
            by_form.setdefault(one.form.name, (one.form, []))[1].append((path, one.noted))
    joined = [group for form, files in by_form.values() for group in join_files(form, files)]
    return {files[0]: (files, noted) for files, noted in joined}
