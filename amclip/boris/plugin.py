# A plug-in of BORIS, which runs in the Python of BORIS: it needs that, the libraries of BORIS, and the command `amclip`
# wherever that is installed. Plain ASCII, since BORIS reads it in the encoding of the system.

import copy
import csv
import json
import math
import os
import subprocess
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

# These are written anew for each plug-in by `amclip boris install`.
__plugin_name__ = "amclip"
__version__ = "0"
__version_date__ = "amclip"
__author__ = "amclip"
__description__ = ""
TASK = "send"
AMCLIP = ["amclip"]

_NOBODY = "No focal subject"
_OLDEST = "9.7.9"
_BESIDE = "{}_with_boris"  # not in the folder, all tables of which amclip reads
_PROJECT = "labels.boris"
_FEW = 3  # videos that a command names one by one


class _Stop(Exception):  # noqa: N818
    """Why a plug-in went no further, in words that BORIS shows."""


def run(project: dict, parameters: dict | None = None) -> Any:  # type: ignore[type-arg]
    """What BORIS calls.

    Args:
        project: The open project with the observations that were chosen.
        parameters: Subjects, behaviours and times that were chosen, as BORIS has them from 9.11 on.

    Returns:
        Text and tables, each for a window of its own.
    """
    try:
        if not isinstance(project, dict):
            raise _Stop(f"amclip needs BORIS {_OLDEST} or later: older ones do not tell plug-ins what the project is.")
        return {"send": _send, "read": _read}[TASK](copy.deepcopy(project), parameters or {})
    except _Stop as stop:
        return str(stop)
    except OSError as error:
        return f"amclip: {error}"


def _send(project: dict[str, Any], parameters: dict[str, Any]) -> Any:
    """Write the events for amclip, and the config of a training on them."""
    folder = _ask_folder("Folder for what amclip writes")
    _keep_chosen(project, parameters)
    videos = _resolve_media(project)
    opened = _open_project()
    title = opened.stem if opened else "".join(c for c in _title(project) if c.isalnum() or c in " -_")
    name = title.strip() or "project"
    target, config = folder / f"{name}_events.boris", folder / f"{name}.yaml"
    _write(target, project)
    events = sum(len(one.get("events", ())) for one in project["observations"].values())
    said = [f"{events} events of {len(project['observations'])} observations, written to", f"  {target}", ""]
    missing = [path for path in videos if not os.path.isfile(path)]
    if missing:
        said += [
            "These videos are not where the project says, and are left out:",
            *(f"  {path}" for path in missing),
            "",
        ]
    if config.exists():
        said += [f"{config} is there already and stays as it is; remove it to have it written anew. Next:", ""]
        said += [f'  amclip check --config "{config}"', f'  amclip fit --config "{config}"', ""]
    else:
        said += [_amclip("Looking at videos and events", "new", str(target), "--output", str(config))[1], ""]
    if config.exists():
        there = [path for path in videos if path not in missing]
        if len(there) > _FEW:
            there = sorted({os.path.dirname(path) for path in there})
        quoted = " ".join(f'"{path}"' for path in there)
        trained = "--checkpoint runs/version_0/checkpoints/best.ckpt"
        said += [
            "Type these where amclip is installed (docs/boris.md), and then, for these videos or others:",
            "",
            f'  amclip annotate {quoted} {trained} --output "{folder / "annotated"}"',
            "",
            "After that, `amclip: read bouts` in this menu shows what was found.",
        ]
    return "\n".join(said)


def _read(project: dict[str, Any], parameters: dict[str, Any]) -> Any:
    """Compare what amclip found with the project's events, and write it as observations that BORIS can import."""
    import pandas as pd

    folder = _ask_folder("Folder that amclip annotate has written")
    if not (folder / "bouts.csv").is_file():
        raise _Stop(f"{folder} has no bouts.csv: choose the folder that `amclip annotate` has written (its --output).")
    _resolve_media(project)
    output = folder.with_name(_BESIDE.format(folder.name))
    output.mkdir(exist_ok=True)
    _write(output / _PROJECT, project)
    words = ("boris", "compare", str(folder), str(output / _PROJECT), "--output", str(output))
    good, said = _amclip("Comparing with what amclip found", *words)
    if not good:
        said += "\n\nAre several of these observations of one video? Then choose those of one person."
    results: list[Any] = [said]
    tables = [output / "agreement.csv"] if good else []
    for table in (*tables, folder / "bouts.csv"):
        with table.open(newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file))
        cells = [[_cell(cell) for cell in row] for row in rows]
        results.append(pd.DataFrame(cells, columns=header))
    return tuple(results)


def _cell(text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if text.lstrip("-").isdigit() else number


def _title(project: dict[str, Any]) -> str:
    return str(project.get("project_name") or "")


def _write(path: Path, project: dict[str, Any]) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(project, file, ensure_ascii=False, indent=1, default=_plain)


def _plain(value: Any) -> Any:
    """What BORIS holds in memory and JSON does not: times are decimal numbers there."""
    if isinstance(value, Decimal):
        return float(value) if math.isfinite(value) else None
    return list(value) if isinstance(value, (set, frozenset, tuple)) else str(value)


def _resolve_media(project: dict[str, Any]) -> list[str]:
    """Make paths of videos absolute, as BORIS does: as they are, or from the project's folder; returns all of them."""
    opened = _open_project()
    found: dict[str, None] = {}
    for name, observation in project.get("observations", {}).items():
        if observation.get("type") != "MEDIA":
            raise _Stop(f"The observation {name!r} is of no video: choose observations of media files only.")
        moved = {}
        for player, files in observation.get("file", {}).items():
            for path in files:
                places = [Path(path), *([opened.parent / path] if opened else [])]
                place = next((str(each.resolve()) for each in places if each.is_file()), path)
                moved[path] = place
            observation["file"][player] = [moved[path] for path in files]
        for key, values in observation.get("media_info", {}).items():
            if isinstance(values, dict):
                observation["media_info"][key] = {moved.get(path, path): value for path, value in values.items()}
        found |= dict.fromkeys(moved.values())
    if not found:
        raise _Stop("Choose at least one observation of a video.")
    return list(found)


def _keep_chosen(project: dict[str, Any], parameters: dict[str, Any]) -> None:
    """Leave out the events, behaviours and times that were not chosen in BORIS' window."""
    behaviours, subjects = parameters.get("selected behaviors"), parameters.get("selected subjects")
    if behaviours is not None:
        ethogram = project["behaviors_conf"]
        project["behaviors_conf"] = {key: one for key, one in ethogram.items() if one["code"] in behaviours}
    for observation in project["observations"].values():
        observation["events"] = [
            event
            for event in observation["events"]
            if (behaviours is None or event[2] in behaviours)
            and (subjects is None or (event[1] or _NOBODY) in subjects)
        ]
    start, stop = parameters.get("start time"), parameters.get("end time")
    if parameters.get("time") != "time interval" or start is None or stop is None:
        return
    kept = {}
    for name, observation in project["observations"].items():
        # Events, and what was chosen, count from the time offset on; the interval from the start of the media.
        offset = float(observation.get("time offset") or 0)
        first, last = observation.get("observation time interval") or (0, 0)
        first = max(float(start) - offset, float(first), 0.0)
        last = min(float(stop) - offset, float(last) or math.inf)
        if first < last:
            kept[name] = {**observation, "observation time interval": [first, last]}
    if not kept:
        raise _Stop("The time interval that was chosen lies in none of these observations.")
    project["observations"] = kept


def _amclip(title: str, *words: str) -> tuple[bool, str]:
    """Run amclip while BORIS stays alive; returns whether it went well, and what it said."""
    # What says where the Python of BORIS finds its modules is not for that of amclip.
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    # A BORIS that was installed as one program sets this for itself, and keeps what it was.
    bundled = environment.pop("LD_LIBRARY_PATH_ORIG", None)
    if bundled is not None:
        environment["LD_LIBRARY_PATH"] = bundled
    environment |= {"PYTHONUTF8": "1", "COLUMNS": "110", "NO_COLOR": "1", "TERM": "dumb"}
    hidden = getattr(subprocess, "CREATE_NO_WINDOW", 0)
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                [*AMCLIP, *words],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                env=environment,
                creationflags=hidden,
            )
        except OSError as error:
            raise _Stop(
                f"amclip cannot be started: {error}\n\nWas it moved or removed? Type `amclip boris install` where it "
                "is installed now."
            ) from error
        _wait(process, title)
        said.seek(0)
        text = said.read().decode("utf-8", "replace").strip()
    return process.returncode == 0, text


def _wait(process: "subprocess.Popen[bytes]", title: str) -> None:
    """Show that something is going on until the process has ended, or was cancelled."""
    from PySide6.QtWidgets import QApplication, QProgressDialog

    if QApplication.instance() is None:
        process.wait()
        return
    window = QProgressDialog(f"{title} ...", "Cancel", 0, 0)
    window.setWindowTitle("amclip")
    window.setMinimumDuration(0)
    window.show()
    try:
        while process.poll() is None:
            QApplication.processEvents()
            if window.wasCanceled():
                process.terminate()
                process.wait()
                raise _Stop("Cancelled. What amclip had written by then is kept.")
            time.sleep(0.05)
    finally:
        window.close()


def _open_project() -> Path | None:
    """The file of the open project, which BORIS' main window knows."""
    from PySide6.QtWidgets import QApplication

    for window in QApplication.topLevelWidgets():
        if name := getattr(window, "projectFileName", ""):
            return Path(name)
    return None


def _ask_folder(title: str) -> Path:
    from PySide6.QtWidgets import QFileDialog

    opened = _open_project()
    chosen = QFileDialog.getExistingDirectory(None, title, str(opened.parent if opened else Path.home()))
    if not chosen:
        raise _Stop("No folder was chosen, so nothing was done.")
    return Path(chosen)
