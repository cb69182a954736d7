"""Files that say what a published model looks like, from a folder or from the Hugging Face hub."""

import json
from pathlib import Path
from typing import Any

__all__ = ["from_hub", "published_file", "read_json"]


def from_hub(backbone: str, name: str, folder: str) -> Path:
    """A file of a repository on the hub, fetched where the hub's cache does not have it.

    Args:
        backbone: ``SCHEMA:OWNER/NAME``.
        name: The file.
        folder: The schema by which a folder with the same files is named, for the error.

    Raises:
        ValueError: If the file cannot be had; the error names the backbone and what to do.
    """
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(backbone.partition(":")[2], name))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"backbone: {name} of {backbone!r} is not in the hub's cache and cannot be fetched "
            f"({' '.join(str(error).split())[:200]}). Where there is no network, fetch the repository elsewhere and "
            f"name its folder: {folder}FOLDER"
        ) from error


def published_file(backbone: str, name: str, layout: str) -> Path:
    """A file of a model in the Hugging Face layout, named ``KIND-dir:FOLDER`` or ``KIND-hub:OWNER/NAME``.

    Args:
        backbone: The name.
        name: The file.
        layout: Whose layout it is, for the error.

    Raises:
        ValueError: If the file is not there and cannot be had; the error names the backbone and what to do.
    """
    kind, _, place = backbone.partition(":")
    if kind.endswith("-hub"):
        return from_hub(backbone, name, f"{kind.removesuffix('hub')}dir:")
    path = Path(place) / name
    if not path.is_file():
        raise ValueError(f"backbone: {backbone!r} has no {path}; the Hugging Face layout of {layout} needs that file")
    return path


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        ValueError: If it is none; the error names the file.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"backbone: {path} is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"backbone: {path} holds {type(content).__name__}, not names and values")
    return content
