"""Objects as plain values and back: what a checkpoint holds of them, so that it opens with ``weights_only=True``.

A frozen dataclass is a dict of its fields. A :class:`Configurable` is ``{class_path, init_args}``, the form in which
config files name classes, since a user's own subclass may stand in its place.
"""

import inspect
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

__all__ = [
    "Configurable",
    "class_path",
    "from_plain",
    "parameters",
    "resolve_class",
    "setting_names",
    "to_plain",
]

Kind = TypeVar("Kind")


class Configurable:
    """Remembers the arguments that it was made with, also those of a subclass: checkpoints keep them.

    The arguments must be plain values (numbers, strings, lists, dicts), frozen dataclasses of these, or Configurable
    themselves.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Keep the arguments; ``__init__`` then gets them as usual."""
        made = super().__new__(cls)
        object.__setattr__(made, "_arguments", _bound(cls.__mro__, args, kwargs))
        return made

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments by name; a subclass may replace some by what they turned out to mean."""
        return dict(self._arguments)  # type: ignore[attr-defined]


def class_path(kind: type) -> str:
    """The name that a config file gives a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


def to_plain(value: Any, where: str = "") -> Any:
    """A value in numbers, strings, lists and dicts.

    Args:
        value: Plain values, dataclasses, :class:`Configurable`, and lists, tuples and dicts of these.
        where: Its name, for messages.

    Raises:
        TypeError: If something is of another kind.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Configurable):
        init_args = {name: to_plain(x, f"{where}.{name}".lstrip(".")) for name, x in value.arguments.items()}
        return {"class_path": class_path(type(value)), "init_args": init_args}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name), f"{where}.{f.name}".lstrip(".")) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(x, f"{where}.{key}".lstrip(".")) for key, x in value.items()}
    if isinstance(value, Sequence):
        return [to_plain(x, where) for x in value]
    raise TypeError(
        f"{where}: expected numbers, strings, lists, dicts or an object made of them, which a checkpoint can hold, got "
        f"{type(value).__name__}"
    )


def from_plain(kind: type[Kind], value: Mapping[str, Any]) -> Kind:
    """Make an object again from what :func:`to_plain` made of it.

    Args:
        kind: A dataclass, or the base class of what ``class_path`` names.
        value: Its fields, or ``class_path`` and ``init_args``.

    Raises:
        ValueError: If the class is not there or no subclass, or does not take the arguments.
    """
    made, arguments = kind, value
    if "class_path" in value:
        made, arguments = resolve_class(value["class_path"], kind), value.get("init_args") or {}
    hints = _hints(made)
    given = {name: _typed(hints.get(name), x) for name, x in arguments.items()}
    try:
        return made(**given)
    except TypeError as error:
        raise ValueError(f"{class_path(made)} does not take these settings ({error})") from error


def resolve_class(path: str, base: type[Kind]) -> type[Kind]:
    """The class of a name.

    Args:
        path: Module and class with a dot between.
        base: What it must be a subclass of.

    Raises:
        ValueError: If there is no such class, or it is no subclass.
    """
    home, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(home), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"there is no {path} ({error})") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ValueError(f"{path} is no subclass of {class_path(base)}")
    return found


def parameters(kind: type) -> dict[str, inspect.Parameter]:
    """Arguments that a class takes, also those that it hands on to its base by ``**kwargs``."""
    found: dict[str, inspect.Parameter] = {}
    for one in kind.__mro__:
        if "__init__" not in vars(one) or one is object:
            continue
        own = list(inspect.signature(vars(one)["__init__"]).parameters.values())[1:]
        variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        found = {**{each.name: each for each in own if each.kind not in variable}, **found}
        if not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in own):
            break
    return found


def setting_names(kind: type) -> Iterator[str]:
    """Names of all settings of a class, those of nested objects with dots between."""
    for name, hint in _hints(kind).items():
        if name == "return":
            continue
        yield name
        for option in _options(hint):
            if isinstance(option, type) and is_dataclass(option):
                yield from (f"{name}.{inner}" for inner in setting_names(option))


def _bound(
    classes: Sequence[type], args: Sequence[Any], kwargs: Mapping[str, Any], defaults: bool = True
) -> dict[str, Any]:
    """Arguments by name; what a class hands on to its base by ``*args`` and ``**kwargs`` has the base's names.

    Defaults are those of the class alone: it may give its base other values, and hand on no argument for them.
    """
    at = next(number for number, one in enumerate(classes) if "__init__" in vars(one))
    parameters = list(inspect.signature(vars(classes[at])["__init__"]).parameters.values())
    bound = inspect.Signature(parameters).bind_partial(None, *args, **kwargs).arguments
    found: dict[str, Any] = {}
    more_args: Sequence[Any] = ()
    more: Mapping[str, Any] = {}
    for parameter in parameters[1:]:
        if parameter.kind is parameter.VAR_POSITIONAL:
            more_args = bound.get(parameter.name, ())
        elif parameter.kind is parameter.VAR_KEYWORD:
            more = bound.get(parameter.name, {})
        elif parameter.name in bound:
            found[parameter.name] = bound[parameter.name]
        elif defaults and parameter.default is not parameter.empty:
            found[parameter.name] = parameter.default
    if more_args or more:
        found = {**_bound(classes[at + 1 :], more_args, more, defaults=False), **found}
    return found


def _hints(kind: type) -> dict[str, Any]:
    """Types of all arguments of a class and of its bases, the class's own first."""
    found: dict[str, Any] = {}
    for one in reversed(kind.__mro__):
        if "__init__" in vars(one) and one is not object:
            found.update(typing.get_type_hints(vars(one)["__init__"]))
    return found


def _typed(hint: Any, value: Any) -> Any:
    """A plain value as an argument of that type takes it."""
    options = _options(hint)
    if isinstance(value, Mapping):
        for option in options:
            if isinstance(option, type) and (is_dataclass(option) or issubclass(option, Configurable)):
                return from_plain(option, value)
    if isinstance(value, list) and any(typing.get_origin(option) is tuple for option in options):
        return tuple(value)
    return value


def _options(hint: Any) -> tuple[Any, ...]:
    """The types that a value of that type may have."""
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)
