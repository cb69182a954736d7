"""Options that texts, messages and pages name are options that there are."""

import inspect
import re
import types
import typing
from pathlib import Path
from typing import Any

import pytest

from amclip.data.datamodule import VideoDataModule
from amclip.inputs import NetworkInput
from amclip.task import BehaviourTask

ROOT = Path(__file__).parents[1]
GROUPS = {"data": VideoDataModule, "model": BehaviourTask, "input": NetworkInput}
OF_A_USERS_CLASSES = {"--model.own_setting", "--model.loss.margin"}  # examples of what a subclass brings
NAMED = re.compile(r"--(?:data|model|input)\.[a-z_]+(?:\.[a-z_]+)*")


def classes_of(annotation: Any) -> list[type]:
    """The classes that an argument can be, with those that inherit from them."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [one for part in typing.get_args(annotation) for one in classes_of(part)]
    if not isinstance(annotation, type) or not annotation.__module__.startswith("amclip."):
        return []
    return [annotation, *(one for child in annotation.__subclasses__() for one in classes_of(child))]


def exists(option: str) -> bool:
    group, *path = option.removeprefix("--").split(".")
    owners: list[type] = [GROUPS[group]]
    for name in path:
        if name in ("class_path", "init_args", "help"):
            continue
        holding = [owner for owner in owners if name in inspect.signature(owner.__init__).parameters]
        if not holding:
            return False
        owners = [one for owner in holding for one in classes_of(typing.get_type_hints(owner.__init__)[name])]
    return True


@pytest.mark.parametrize("option", ["--data.source.root", "--input.flow.gap", "--model.network.head.kind"])
def test_an_option_is_found_through_the_values_that_hold_it(option: str) -> None:
    assert exists(option)
    assert not exists(option + "s")
    assert not exists(option.replace(".", ".other.", 1))


def test_options_that_are_named_exist() -> None:
    files = [
        ROOT / "README.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "configs").rglob("*.yaml"),
        *(path for path in (ROOT / "amclip").rglob("*") if path.suffix in (".py", ".js", ".html")),
    ]
    named = {(option, path) for path in files for option in NAMED.findall(path.read_text(encoding="utf-8"))}
    assert len(named) > 50
    wrong = sorted(f"{path.relative_to(ROOT)}: {option}" for option, path in named if not exists(option))
    assert [one for one in wrong if one.split(": ")[1] not in OF_A_USERS_CLASSES] == []
