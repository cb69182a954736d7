"""What values that people chose or typed say: the behaviour that one names, or the one that it ticks."""

__all__ = ["behaviour_of", "in_one_line"]

_TICKED, _NOT = ("true", "yes"), ("", "false", "no")


def in_one_line(value: str) -> str:
    """A value with a blank for each line break and tab, which fields of several lines take and names do not have."""
    return " ".join(value.split())


def behaviour_of(name: str, value: str) -> str:
    """The attribute's own name where the value is yes, ``""`` where it is no or empty, and else the value."""
    value = in_one_line(value)
    if value.lower() in _NOT:
        return ""
    return name if value.lower() in _TICKED else value
