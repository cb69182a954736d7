"""Words of the commands whose options are in groups, or that take files first and switches without a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from importlib import import_module
from typing import Any, get_type_hints

__all__ = ["VIDEOS", "CommandWords", "run_command"]

#: The first argument of commands that take videos, and its help.
VIDEOS = ("videos", "Videos, folders of videos, or patterns in quotes.")


@dataclass(frozen=True)
class CommandWords:
    """What a command's function does not say of its words.

    Attributes:
        first: The argument that comes without an option's name, where it takes words as they are, and its help. None:
            what the function needs comes so, and is read as its type says.
        switches: Arguments that are true where they are named, and their help.
        several: Whether there may be several words of the first argument.
    """

    first: tuple[str, str] | None = None
    switches: Mapping[str, str] = field(default_factory=dict)
    several: bool = False


def run_command(command: str, args: list[str]) -> None:
    """Call the function behind a command with what its words say.

    Args:
        command: Its module has the function of its name and ``WORDS``. The function's docstring is the help, its
            arguments the options; of an argument that is a dataclass the fields are options, so that a function takes
            few arguments.
        args: The words after the command.
    """
    from jsonargparse import ArgumentParser

    module = import_module(f"amclip.commands.{command}")
    function, words = getattr(module, command), module.WORDS
    about = (function.__doc__ or "").partition("\n\n")[0]
    parser = ArgumentParser(prog=f"amclip {command}", description=about)
    if words.first is not None:
        more: dict[str, Any] = {"nargs": "+"} if words.several else {}
        parser.add_argument(words.first[0], help=words.first[1], **more)
    for name, meaning in words.switches.items():
        parser.add_argument(f"--{name}", action="store_true", help=meaning)
    groups: dict[str, Any] = {name: hint for name, hint in get_type_hints(function).items() if is_dataclass(hint)}
    skip = {*([] if words.first is None else [words.first[0]]), *words.switches, *groups}
    parser.add_function_arguments(function, skip=skip, as_group=False, as_positional=words.first is None)
    for group in groups.values():
        parser.add_class_arguments(group, as_group=False)
    given = vars(parser.parse_args(args))
    values = {
        name: group(**{each.name: given.pop(each.name) for each in fields(group)}) for name, group in groups.items()
    }
    function(**given, **values)
