"""What the words of `amclip fit|validate|test|predict|check` mean, and which files they name."""

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from amclip.inputs import NetworkInput

__all__ = ["add_input", "configs_first", "files_named", "nulls_as_config"]


def add_input(parser: ArgumentParser, *parts: str) -> None:
    """Add what the network sees as a group of its own, which the data has in common with the model.

    Args:
        parser: Has groups named by class paths.
        parts: Those of them that get it.
    """
    parser.add_argument("--input", type=NetworkInput, default=NetworkInput(), help="What the network sees.")
    for part in parts:
        parser.link_arguments("input", f"{part}.init_args.input")


def files_named(config: Any) -> list[Path]:
    """Every file that a setting names, wherever it stands: what a command may read."""
    if isinstance(config, Namespace):
        config = vars(config)
    if isinstance(config, dict):
        return [path for key, value in config.items() if key != "predictions" for path in files_named(value)]
    if isinstance(config, list | tuple):
        return [path for value in config for path in files_named(value)]
    if isinstance(config, str | os.PathLike) or hasattr(config, "absolute"):  # jsonargparse has paths of its own
        with suppress(OSError, ValueError):
            path = Path(str(config))
            return [path] if path.is_file() else []
    return []


def configs_first(args: list[str]) -> list[str]:
    """Config files before single settings, each in their order: what is typed overrides files, wherever it stands.

    jsonargparse goes by the order of words, so that a file would silently take back what was typed before it.
    """
    configs, others, given = [], [], list(args)
    while given:
        word = given.pop(0)
        if word in ("--config", "-c") and given:
            configs += [word, given.pop(0)]
        elif word.startswith("--config="):
            configs.append(word)
        else:
            others.append(word)
    return configs + others


def nulls_as_config(args: list[str]) -> list[str]:
    """Give `--model.network.pretrained null` as a config in place.

    jsonargparse hands values of objects within objects on as text, in which null becomes the word None.
    """
    words, given = [], list(args)
    while given:
        word = given.pop(0)
        name, equals, value = word.partition("=")
        if not equals and given:
            value = given[0]
        if value not in ("null", "~") or not re.fullmatch(r"--(?:data|model)(?:\.\w+)+", name):
            words.append(word)
            continue
        if not equals:
            given.pop(0)
        content: Any = None
        for part in reversed(name.removeprefix("--").split(".")):
            content = {part: content}
        words.append(f"--config={json.dumps(content)}")
    return words
