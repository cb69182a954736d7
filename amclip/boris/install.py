"""Puts amclip's plug-ins into a folder of BORIS', with the command that starts the amclip they belong to."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from amclip.atomic import write_bytes
from amclip.version import __version__

__all__ = ["PLUGINS", "install_plugins", "remove_plugins"]

PLUGINS = {
    "amclip_send_events.py": (
        "amclip: send events",
        "send",
        "Writes the events of the chosen observations for amclip, with the config of a training, and says what to run.",
    ),
    "amclip_read_bouts.py": (
        "amclip: read bouts",
        "read",
        "Shows the bouts that amclip found and how far they agree with the events of the chosen observations, and "
        "writes them as observations that BORIS imports.",
    ),
}
"""Name of each file: its name in BORIS' menu, what it does there, and a description."""

_SIGN = "# Written by `amclip boris install`, which writes it anew; `amclip boris remove` takes it away."


def install_plugins(folder: Path, command: Sequence[str]) -> list[Path]:
    """Write the plug-ins, over those of another version that are there.

    Args:
        folder: BORIS' folder of personal plug-ins; made where it is not there.
        command: The words that start amclip.

    Returns:
        The files.

    Raises:
        ValueError: If a file of that name is there that amclip did not write; then none is written.
    """
    paths = [folder / name for name in PLUGINS]
    for path in paths:
        if path.exists() and not _is_ours(path):
            raise ValueError(
                f"{path} is there and was not written by `amclip boris install`; move it, and run this again"
            )
    folder.mkdir(parents=True, exist_ok=True)
    template = Path(__file__).with_name("plugin.py").read_text("utf-8")
    for path, (title, task, description) in zip(paths, PLUGINS.values(), strict=True):
        values: dict[str, str | list[str]] = {
            "__plugin_name__": title,
            "__version__": __version__,
            "__description__": description,
            "TASK": task,
            "AMCLIP": list(command),
        }
        text = template
        for name, value in values.items():
            # BORIS reads names between double quotes; JSON would make two numbers of a letter such as \U0001f42d.
            line = f"{name} = {json.dumps(value) if isinstance(value, str) else ascii(value)}"
            before, found, after = re.split(rf"^({name} = .*)$", text, flags=re.MULTILINE)
            assert found
            text = before + line + after
        write_bytes(path, f"{_SIGN}\n{text}".encode("ascii"))
    return paths


def remove_plugins(folder: Path) -> list[Path]:
    """Remove the plug-ins that amclip wrote; returns those that were there."""
    ours = [path for name in PLUGINS if (path := folder / name).is_file() and _is_ours(path)]
    for path in ours:
        path.unlink()
    return ours


def _is_ours(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith(_SIGN.encode())
