"""ELAN's annotations (``.eaf``): tiers with the times of what is said in them, in milliseconds.

The behaviour is the annotation's value, in one line, or the name of its tier where it has none. The animal is the
tier's participant. Annotations that refer to another one (notes on it, modifiers) have no times and are passed over.
"""

from pathlib import PurePosixPath
from urllib.parse import unquote

from amclip.data.formats.label_format import BoutReader, Files, LabelFormat, Noted, Reading
from amclip.data.formats.spans import checked_span, video_timeline
from amclip.data.formats.values import in_one_line
from amclip.data.intervals import Bout
from amclip.data.label_error import LabelError, raise_together
from amclip.data.video_file import VIDEO_SUFFIXES
from amclip.data.xml_tree import Element, parse_tree

__all__ = ["FORMAT", "matches", "read"]

_ROOT = "ANNOTATION_DOCUMENT"
_BEGINNING = 1 << 14  # characters that hold the root's name, whatever comments come before it


def matches(text: str) -> bool:
    """Whether it is XML with ELAN's root."""
    return text.lstrip("\ufeff \t\r\n").startswith("<") and f"<{_ROOT}" in text[:_BEGINNING]


def read(text: str, source: str, reading: Reading) -> Noted:
    """The time line of the file's video.

    Raises:
        LabelError: If the file is not as ELAN writes it; names the line.
    """
    root = parse_tree(text, source)
    header = next(root.all("HEADER"), root)
    units = header.cells.get("TIME_UNITS", "milliseconds")
    if root.name != _ROOT or units != "milliseconds":
        reason = f"begins with <{root.name}>" if root.name != _ROOT else f"counts time in {units}, not in milliseconds"
        raise LabelError(f"{reason}; save it with ELAN 4 or later", source, header.line)
    video, origin = _video(header, source, reading)
    times = _times(root, source)
    bouts: list[Bout] = []
    subjects: set[str] = set()
    errors: list[LabelError] = []
    known: set[str] = set()
    for tier in root.all("TIER"):
        _spread(tier, times)
        try:
            name = tier.cell("TIER_ID", source)
            if name in known:
                raise LabelError(f"the tier {name!r} stands twice", source, tier.line, "TIER_ID")
            known.add(name)
            subject = tier.cells.get("PARTICIPANT", "").strip()
            if "PARENT_REF" not in tier.cells:
                subjects.add(subject)
        except LabelError as error:
            errors.append(error)
            continue
        for one in tier.all("ANNOTATION", "ALIGNABLE_ANNOTATION"):
            try:
                bouts.append(_bout(one, name, subject, times, origin, source))
            except LabelError as error:
                errors.append(error)
    raise_together(errors)
    if not known:
        raise LabelError("holds no tier", source, root.line)
    return Noted([video_timeline(video, bouts, reading, source, subjects=subjects)], None, "ANNOTATION_VALUE")


def _video(header: Element, source: str, reading: Reading) -> tuple[str, int]:
    """The video's name, and how many milliseconds of it come before the document's beginning.

    Of several the first is taken: they show one time. Without any it is the one that the file is named after.
    """
    for media in header.all("MEDIA_DESCRIPTOR"):
        relative, absolute = (media.cells.get(key, "") for key in ("RELATIVE_MEDIA_URL", "MEDIA_URL"))
        name = unquote((relative or absolute).removeprefix("file:").replace("\\", "/"))
        if not (media.cells.get("MIME_TYPE", "").startswith("video") or name.lower().endswith(VIDEO_SUFFIXES)):
            continue
        name = name if relative else "/" + name.lstrip("/")
        if name[2:3] == ":":  # /C:/videos/a.mp4
            name = name[1:]
        origin = media.cells.get("TIME_ORIGIN", "0")
        if not origin.removeprefix("-").isdecimal():
            raise LabelError(f"{origin!r} is not a number of milliseconds", source, media.line, "TIME_ORIGIN")
        return str(PurePosixPath(name)), int(origin)
    return reading.named_after(source), 0


def _times(root: Element, source: str) -> dict[str, int | None]:
    """Milliseconds of each time slot; ``None`` where ELAN leaves the time to its neighbours."""
    times: dict[str, int | None] = {}
    errors = []
    for slot in root.all("TIME_ORDER", "TIME_SLOT"):
        said = slot.cells.get("TIME_VALUE")
        name = slot.cells.get("TIME_SLOT_ID", "")
        if said is not None and not (said.isdecimal() and said.isascii() and len(said) < 12):
            errors.append(LabelError(f"{said!r} is not a number of milliseconds", source, slot.line, "TIME_VALUE"))
        elif name in times:
            errors.append(LabelError(f"the time slot {name!r} stands twice", source, slot.line, "TIME_SLOT_ID"))
        else:
            times[name] = None if said is None else int(said)
    raise_together(errors)
    return times


def _spread(tier: Element, times: dict[str, int | None]) -> None:
    """Give slots without a time one: annotations that divide another's time share it evenly, as ELAN shows them."""
    following = {
        one.cells.get("TIME_SLOT_REF1", ""): one.cells.get("TIME_SLOT_REF2", "")
        for one in tier.all("ANNOTATION", "ALIGNABLE_ANNOTATION")
    }
    for first, second in following.items():
        start, chain = times.get(first), [second]
        while start is not None and times.get(chain[-1], 0) is None and len(chain) <= len(following):
            chain.append(following.get(chain[-1], ""))
        stop = times.get(chain[-1])
        if start is not None and stop is not None:
            for place, slot in enumerate(chain[:-1], start=1):
                times[slot] = round(start + (stop - start) * place / len(chain))


def _bout(one: Element, tier: str, subject: str, times: dict[str, int | None], origin: int, source: str) -> Bout:
    seconds = []
    for key in ("TIME_SLOT_REF1", "TIME_SLOT_REF2"):
        slot = one.cell(key, source)
        if slot not in times:
            raise LabelError(f"there is no time slot {slot!r}", source, one.line, key)
        if (time := times[slot]) is None:
            reason = f"the time slot {slot!r} has no time, and no neighbours that have one"
            raise LabelError(
                f"{reason}; align the annotation in ELAN, or remove the tier {tier!r}", source, one.line, key
            )
        seconds.append((time + origin) / 1000)
    start, stop = checked_span(seconds[0], seconds[1], source, one.line, ("TIME_SLOT_REF1", "TIME_SLOT_REF2"))
    return Bout(start, stop, in_one_line(one.text("ANNOTATION_VALUE")) or tier, one.line, subject)


FORMAT = LabelFormat("elan", "ELAN's annotations", BoutReader(matches, read, Files(("*.eaf",)), in_sheets=False), None)
