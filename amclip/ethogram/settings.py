"""Bout settings from a file: YAML, or a CSV table with a row per behaviour."""

import csv
import os
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from amclip.data.formats.delimited import parse_number
from amclip.ethogram.bouts import BoutSettings
from amclip.text import nearest

__all__ = ["DEFAULT", "bout_settings"]

DEFAULT = "default"
"""What the file calls the values of every behaviour that does not have its own."""
_NAMES = tuple(field.name for field in fields(BoutSettings))
_NOTHING = ("", "null", "none", "~")


def bout_settings(
    classes: Sequence[str],
    thresholds: Sequence[float] | None = None,
    path: str | os.PathLike[str] | None = None,
    **defaults: float,
) -> dict[str, BoutSettings]:
    """Settings of every behaviour.

    What the file says of one behaviour overrides the file's ``default``, that overrides ``defaults``, and these the
    tuned ``thresholds``.

    Args:
        classes: Names of the behaviours.
        thresholds: Tuned threshold of each, as a checkpoint carries them.
        path: A YAML file with ``default`` and ``classes``, or a CSV table with the columns ``behaviour`` and any of
            threshold, off_threshold, smoothing, minimum_bout, minimum_gap; in its row ``default`` are those of all
            others, and empty cells say nothing.
        **defaults: Values of :class:`amclip.ethogram.bouts.BoutSettings` for all behaviours.

    Returns:
        Behaviour to settings, in the order of ``classes``.

    Raises:
        ValueError: If the file cannot be used; names the file, the behaviour and the setting.
        FileNotFoundError: If there is no such file.
    """
    if thresholds is not None and len(thresholds) != len(classes):
        raise ValueError(f"expected a threshold for each of {len(classes)} behaviours, got {len(thresholds)}")
    told = {} if path is None else _read(Path(path))
    if unknown := [name for name in told if name not in (*classes, DEFAULT)]:
        near = nearest(unknown[0], classes)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(classes)}"
        raise ValueError(f"{path}: unknown behaviour {unknown[0]!r}; {hint}")
    settings = {}
    for index, name in enumerate(classes):
        values: dict[str, Any] = {} if thresholds is None else {"threshold": float(thresholds[index])}
        values |= defaults | told.get(DEFAULT, {}) | told.get(name, {})
        try:
            settings[name] = BoutSettings(**values)
        except ValueError as error:
            where = f"{path}, {name}" if path is not None else name
            raise ValueError(f"{where}: {error}") from None
    return settings


def _read(path: Path) -> dict[str, dict[str, float | None]]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: is not there; it should hold how bouts are cut, see docs/ethogram.md")
    text = path.read_text(encoding="utf-8-sig")
    rows = _csv_rows(text, path) if path.suffix.lower() in (".csv", ".tsv") else _yaml_rows(text, path)
    told: dict[str, dict[str, float | None]] = {}
    for name, values in rows:
        if name in told:
            raise ValueError(f"{path}: {name!r} is there twice; keep one")
        numbers = {key: _number(value, f"{path}, {name}, {key}") for key, value in values.items()}
        # Without an off_threshold the threshold itself is meant; nothing else can be nothing.
        told[name] = {key: value for key, value in numbers.items() if value is not None or key == "off_threshold"}
        if unknown := [key for key in values if key not in _NAMES]:
            raise ValueError(f"{path}, {name}: unknown setting {unknown[0]!r}; there are {', '.join(_NAMES)}")
    return told


def _number(text: str, where: str) -> float | None:
    if text.strip().lower() in _NOTHING:
        return None
    value = parse_number(text.strip())
    if value is None:
        raise ValueError(f"{where}: {text!r} is not a number (such as 0.5)")
    return value


def _csv_rows(text: str, path: Path) -> list[tuple[str, dict[str, str]]]:
    reader = csv.DictReader(text.splitlines(), delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
    try:
        return _rows_of(reader, path)
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: cannot be split into columns ({error})") from None


def _rows_of(reader: "csv.DictReader[str]", path: Path) -> list[tuple[str, dict[str, str]]]:
    header = reader.fieldnames or []
    if "behaviour" not in header:
        raise ValueError(f"{path}: needs a column 'behaviour'; the header is {', '.join(header) or 'empty'}")
    rows = []
    for row in reader:
        if None in row or None in row.values():
            raise ValueError(f"{path}, line {reader.line_num}: has another number of cells than the header")
        name = row.pop("behaviour").strip()
        rows.append((name, {key: value for key, value in row.items() if value.strip()}))
    return rows


def _yaml_rows(text: str, path: Path) -> list[tuple[str, dict[str, str]]]:
    import yaml

    try:
        # Nodes, not values: names stay text (yes, 1), and what is there twice is seen.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: is no YAML ({' '.join(str(error).split())})") from None
    rows = []
    for key, node in _pairs(root, f"{path}", yaml):
        if key == DEFAULT:
            rows.append((key, _values(node, f"{path}, {key}", yaml)))
        elif key == "classes":
            rows += [(name, _values(child, f"{path}, {name}", yaml)) for name, child in _pairs(node, f"{path}", yaml)]
        else:
            raise ValueError(f"{path}: unknown entry {key!r}; there are 'default' and 'classes'")
    return rows


def _pairs(node: Any, where: str, yaml: Any) -> list[tuple[str, Any]]:
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value.lower() in _NOTHING):
        return []
    if not isinstance(node, yaml.MappingNode) or not all(isinstance(key, yaml.ScalarNode) for key, _ in node.value):
        raise ValueError(f"{where}, line {node.start_mark.line + 1}: expected entries such as 'threshold: 0.5'")
    return [(key.value, value) for key, value in node.value]


def _values(node: Any, where: str, yaml: Any) -> dict[str, str]:
    values: dict[str, str] = {}
    for key, value in _pairs(node, where, yaml):
        if key in values:
            raise ValueError(f"{where}: {key!r} is there twice; keep one")
        if not isinstance(value, yaml.ScalarNode):
            raise ValueError(f"{where}, {key}: expected one number")
        values[key] = value.value
    return values
