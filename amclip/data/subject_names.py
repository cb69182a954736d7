"""Names of animals: which can be used, and how a file of one animal's labels is named."""

from urllib.parse import quote, unquote

from amclip.data.class_name_rules import round_trips
from amclip.data.label_error import LabelError
from amclip.text import holds_control, is_formula

__all__ = ["refuse_subject", "split_stem", "stem_with_subject"]

_LONGEST = 100  # characters
_MARK = "_subject="
# What file names may hold everywhere, and no more of ASCII: ``=`` would be part of another mark.
_SAFE = " ()[]{}!#$&'+,;@^`~-._"


def refuse_subject(name: str, source: str | None = None, line: int | None = None, column: str | None = None) -> None:
    """Refuse an animal's name that tables do not give back; ``""``, the whole scene, is none.

    Args:
        name: The name.
        source: The file that has it, for messages.
        line: Its line, for messages.
        column: Its column, for messages.

    Raises:
        LabelError: If it is one.
    """
    if not name:
        return
    if holds_control(name):
        reason = "holds control characters, which terminals obey"
    elif is_formula(name):
        reason = f"spreadsheet programs take what begins with {name[0]!r} for a formula"
    elif ";" in name:
        reason = "holds ';', which separates names in tables"
    elif not round_trips(name):
        reason = "tables do not keep tabs, line breaks, and blanks at the ends of a name"
    elif len(name) > _LONGEST:
        name, reason = f"{name[:40]} …", f"has {len(name)} characters; is a quote missing, or is it another column?"
    else:
        return
    raise LabelError(f"subject {name!r}: {reason}; take another name", source, line, column)


def stem_with_subject(stem: str, subject: str) -> str:
    """Name, without suffix, of a file about one animal of a video; :func:`split_stem` is the way back.

    Args:
        stem: The name that a file about the whole video has.
        subject: The animal; ``""`` is the whole scene, whose file has the plain name unless that would be read as an
            animal's.
    """
    return f"{stem}{_MARK}{quote(subject, safe=_SAFE)}" if subject or _MARK in stem else stem


def split_stem(stem: str) -> tuple[str, str]:
    """The name that a file about the whole video has, and the animal, of :func:`stem_with_subject`."""
    video, mark, subject = stem.rpartition(_MARK)
    return (video, unquote(subject)) if mark else (stem, "")
