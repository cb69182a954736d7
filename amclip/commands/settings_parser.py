"""What is said of wrong words of `amclip fit|validate|test|predict|check`."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from lightning.pytorch.cli import LightningArgumentParser

from amclip.data.datamodule import VideoDataModule
from amclip.data.video_file import VIDEO_SUFFIXES
from amclip.inputs import NetworkInput
from amclip.losses import Loss
from amclip.plain import setting_names
from amclip.task import BehaviourTask
from amclip.text import nearest

__all__ = ["LINKED", "Parser"]

# What model and data have in common: the classes are the data's, and what the network sees is a group of its own.
LINKED = ("classes", "input")
_TYPES = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "text"}
_OF_PATHS = ("Expected a path but", "Expected a dot import path")  # the parser's words for names of classes


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
        for name in re.findall(r"unrecognized arguments: --([\w.]+)", message):
            if meant := _meant(name, [*self._options(), *_known_settings()]):
                telling.append(f"did you mean --{meant}?")
        for name in re.findall(r"[Oo]ption '([\w.]+)", message):  # of one part, whose parser this is, or whole
            telling += filter(None, [_meant_of_part(name, self._options())])
        if (alone := re.search(r"unrecognized arguments: (?!-)(\S+)", message)) is not None:
            telling += filter(None, [_given_how(alone[1])])
        if re.search(r"Expected a <class 'str'>. Got value: (False|True|None|[\d.]+)", message):
            telling.append('YAML reads no and yes as false and true, null as nothing: put such names in quotes, ["no"]')
        for word in re.findall(r"Expected a path but ([\w.]+) either not accessible", message):
            if "." in word:
                telling.append(
                    f"{word} cannot be imported: its module must lie in the folder where the command is started, be "
                    "installed, or be named in PYTHONPATH"
                )
            elif "loss" in message:
                known = [one.__name__ for one in _losses()]
                close = nearest(word, known)
                telling.append(
                    f"there is no loss {word}; "
                    + (f"did you mean {close[0]}? " if close else "")
                    + f"Losses are {', '.join(known)}, and your own, with its module: my_project.{word}"
                )
                telling = [line for line in telling if not line.startswith(_OF_PATHS)]
        given = re.search(r"Given value: (.*)", message)
        text = "\n  ".join(dict.fromkeys(_in_words(line, given and given[1]) for line in telling)) or message
        sys.stderr.write(f"amclip: {text}\n(`amclip --help` says where every setting is explained)\n")
        raise SystemExit(2)

    def _options(self) -> list[str]:
        """Every option of this parser, without the hyphens."""
        names = (name.removeprefix("--") for name in self._option_string_actions if name.startswith("--"))
        return [name for name in names if name != "help" and not name.endswith((".help", "+"))]


def _meant(name: str, known: list[str]) -> str | None:
    """The one of all options that a wrong one is most like: of those of its group, else by the last part of each."""
    group, _, last = name.rpartition(".")
    of_group = [full for full in known if full.rpartition(".")[0] == group] if group else []
    for candidates in (of_group, known):
        ends: dict[str, str] = {}
        for full in candidates:
            ends.setdefault(full.rpartition(".")[2], full)
        if close := nearest(last, ends):
            return ends[close[0]]
    return None


def _meant_of_part(name: str, known: list[str]) -> str:
    """What is said where a part has no such option; ``known`` are those that it has, by their last names."""
    settings = list(_known_settings())
    last = name.rpartition(".")[2]
    if close := nearest(last, known):
        full = min((one for one in settings if one.endswith(f".{close[0]}")), key=len, default=None)
        return f"did you mean {close[0] if full is None else f'--{full}'}?"
    if "." not in name and known and "config" not in known:
        return f"there is {', '.join(known)}"
    meant = _meant(name, settings)
    return f"did you mean --{meant}?" if meant else ""


_TABLE = "--data.source.labels TABLE.csv --data.source.root"


def _given_how(word: str) -> str:
    """By which option a file or a folder is given that stands alone on the command line; empty for other words."""
    path = Path(word)
    if re.match(r"(data|model|input|trainer|checkpoint)\.", word) and not path.exists():
        return f"settings begin with two hyphens: --{word}"
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return f"a config is given by --config {word}"
    if suffix == ".ckpt":
        return f"a checkpoint is given by --ckpt_path {word}"
    if suffix in VIDEO_SUFFIXES:
        return (
            f"videos are named by a table of labels: {_TABLE} {path.parent}. Whether a video can be read says "
            f"`amclip flow {word} --output flow.mp4`"
        )
    if path.is_dir():
        return (
            f"videos in a folder are named by a table of labels: {_TABLE} {word}. `amclip new {word}` writes a config "
            "from what lies in it"
        )
    if suffix or path.is_file():
        return f"a table of labels is given by --data.source.labels {word}"
    return ""


def _losses() -> list[type[Loss]]:
    return sorted(
        (one for one in Loss.__subclasses__() if one.__module__ == Loss.__module__), key=lambda one: one.__name__
    )


def _known_settings() -> Iterator[str]:
    """Every setting of amclip's parts, as it is typed without the dashes."""
    for part, kind in (("data", VideoDataModule), ("model", BehaviourTask)):
        yield from (f"{part}.{name}" for name in setting_names(kind) if name.partition(".")[0] not in LINKED)
    yield from ("input", *(f"input.{name}" for name in setting_names(NetworkInput)))
    yield from (f"model.loss.{name}" for loss in _losses() for name in setting_names(loss))


def _in_words(line: str, given: str | None) -> str:
    """A line of the parser's, which names types of Python, and not always what it was given."""
    words = re.sub(r"\ba <class '(\w+)'>", lambda match: _TYPES.get(match[1], match[0]), line)
    words = re.sub(r"\ba typing\.Literal\[(.*?)\]", r"one of \1", words)
    lacks = given is not None and words.startswith("Expected") and "Got value" not in words
    return f"{words}. Got value: {given}" if lacks else words


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
