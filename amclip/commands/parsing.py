"""Words of the commands that take files first and switches without a value, which plain functions do not have."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

__all__ = ["run_command"]


def run_command(
    function: Callable[..., None],
    args: list[str],
    first: tuple[str, str],
    switches: Mapping[str, str],
    several: bool = False,
) -> None:
    """Call the function behind a command with what its words say.

    Args:
        function: Its name is the command's, its docstring the help, its arguments the options. Of an argument that is
            a dataclass the fields are options, so that a function takes few arguments.
        args: The words after the command.
        first: The argument that comes without an option's name, and its help.
        switches: Arguments that are true where they are named, and their help.
        several: Whether there may be several words of the first argument.
    """
    from jsonargparse import ArgumentParser

    about = (function.__doc__ or "").partition("\n\n")[0]
    parser = ArgumentParser(prog=f"amclip {function.__name__}", description=about)
    more: dict[str, Any] = {"nargs": "+"} if several else {}
    parser.add_argument(first[0], help=first[1], **more)
    for name, meaning in switches.items():
        parser.add_argument(f"--{name}", action="store_true", help=meaning)
    groups: dict[str, Any] = {name: hint for name, hint in get_type_hints(function).items() if is_dataclass(hint)}
    skip = {first[0], *switches, *groups}
    parser.add_function_arguments(function, skip=skip, as_group=False, as_positional=False)
    for group in groups.values():
        parser.add_class_arguments(group, as_group=False)
    given = vars(parser.parse_args(args))
    values = {
        name: group(**{field.name: given.pop(field.name) for field in fields(group)}) for name, group in groups.items()
    }
    function(**given, **values)
