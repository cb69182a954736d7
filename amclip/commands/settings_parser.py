"""What the words of `amclip fit|validate|test|predict|check` mean, and what is said of wrong ones."""

import difflib
import json
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser

from amclip.data.datamodule import VideoDataModule
from amclip.plain import setting_names
from amclip.task import BehaviourTask

__all__ = ["LINKED", "Parser", "files_named", "nulls_as_config"]

# What model and data have in common: the classes are the data's, and what the network sees is a group of its own.
LINKED = ("classes", "input")


class Parser(LightningArgumentParser):
    """Says what was wrong in the words given, without the usage of two hundred options and the parser's inner types."""

    NOISE = ( "Does not validate", "Subtypes:", "Errors:", "Expected a <class 'NoneType'>", "Given value",
             "Problem with given class_path")  # fmt: skip

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print and exit with 2."""
        if os.environ.get("AMCLIP_DEBUG") == "1" and ex is not None:
            raise ex
        lines = [re.sub(r'^Parser key "([\w.]+)":', _as_typed, line.strip(" -")) for line in message.splitlines()]
        telling = [
            line for line in lines if line not in ("", "--model:", "--data:") and not line.startswith(self.NOISE)
        ]
        if "File does not exist" in message:
            telling = [message.replace('Parser key "config": ', "--config: ")]
        for name in re.findall(r"(?:Option '|unrecognized arguments: --)([\w.]+)", message):
            known = [*setting_names(VideoDataModule), *setting_names(BehaviourTask)]
            last = {full.rpartition(".")[2]: full for full in known}
            if close := difflib.get_close_matches(name.rpartition(".")[2], last, n=2):
                telling.append(f"did you mean {' or '.join(last[word] for word in close)}?")
        if re.search(r"Expected a <class 'str'>. Got value: (False|True|None|[\d.]+)", message):
            telling.append('YAML reads no and yes as false and true, null as nothing: put such names in quotes, ["no"]')
        text = "\n  ".join(dict.fromkeys(telling)) or message
        sys.stderr.write(f"amclip: {text}\n(`amclip --help` says where every setting is explained)\n")
        raise SystemExit(2)


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


def _as_typed(match: re.Match[str]) -> str:
    """The option that a key of the parser is typed as: of those of data and model the parser names the last parts."""
    name = match[1]
    known = [
        f"{part}.{full}"
        for part, made in (("data", VideoDataModule), ("model", BehaviourTask))
        for full in setting_names(made)
        if full.partition(".")[0] not in LINKED
    ]
    fitting = [full for full in known if full.endswith(f".{name}")]
    return f"--{min(fitting, key=len, default=name)}:"
