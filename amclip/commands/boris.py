"""``amclip boris``: the plug-ins of amclip in BORIS, and what they run."""

import sys
from pathlib import Path
from typing import Literal

from amclip.text import few, printable

__all__ = ["boris", "compare", "install", "remove"]

_DEFAULT = "boris_plugins"  # in the home folder, where BORIS has no folder yet
_CLICKS = """\
In BORIS: File, Preferences, Analysis plugins, Browse for the personal plugins, choose
  {folder}
and OK."""


def install(folder: str | None = None) -> None:
    """Install amclip's plug-ins in BORIS: Analysis, Plugins, Personal plugins, "amclip: send events" and "read bouts".

    They start this amclip: run it again where amclip has moved. Close BORIS before, since it writes its preferences
    when it ends.

    Args:
        folder: BORIS' folder of personal plug-ins. Default: the one that its preferences name; where they name none,
            boris_plugins in the home folder, which is then set there.

    Raises:
        ValueError: If files of other people are in the way.
    """
    from amclip.boris import install_plugins, personal_folder, set_personal_folder
    from amclip.boris.preferences import BACKUP, FILE

    preferences = Path.home() / FILE
    known, reason = True, ""
    try:
        current = personal_folder(preferences)
    except ValueError as error:
        current, known, reason = None, False, str(error)
    target = (Path(folder) if folder is not None else current or Path.home() / _DEFAULT).expanduser().resolve()
    for path in install_plugins(target, [sys.executable, "-m", "amclip"]):
        print(printable(f"Wrote {path}"))
    if current is not None and current.resolve() == target:
        print("BORIS takes its personal plug-ins from there: start it anew.")
    elif current is not None:
        print(printable(f"BORIS takes personal plug-ins from {current} now, and from one folder only."))
        print(printable(_CLICKS.format(folder=target)))
    elif known and preferences.is_file():
        set_personal_folder(preferences, target)
        print(printable(f"Set that folder in BORIS' preferences ({preferences}; as it was: {BACKUP})."))
        print("If BORIS was open meanwhile, close it and run this again. Then start BORIS.")
    else:
        print(printable(reason or "BORIS has no preferences yet: it was not started, or never closed."))
        print(printable(_CLICKS.format(folder=target)))
    print("Analysis, Plugins, Personal plugins: amclip: send events, amclip: read bouts (docs/boris.md)")


def remove(folder: str | None = None) -> None:
    """Remove amclip's plug-ins from BORIS; other files and BORIS' preferences stay as they are.

    Args:
        folder: Where they are. Default: BORIS' folder of personal plug-ins, or boris_plugins in the home folder.

    Raises:
        ValueError: If they are not there.
    """
    from amclip.boris import personal_folder, remove_plugins
    from amclip.boris.preferences import FILE

    try:
        current = personal_folder(Path.home() / FILE)
    except ValueError:
        current = None
    target = Path(folder) if folder is not None else current or Path.home() / _DEFAULT
    gone = remove_plugins(target)
    if not gone:
        raise ValueError(
            f"{target} holds none of amclip's plug-ins; name their folder: amclip boris remove --folder FOLDER"
        )
    for path in gone:
        print(printable(f"Removed {path}"))


def compare(
    predicted: str, project: str, output: str = "amclip_with_boris", subjects: Literal["each", "merged"] = "each"
) -> None:
    """Bring bouts to a BORIS project: as observations that BORIS imports, and compared with its own events.

    Writes amclip.boris, in which an observation "NAME (amclip)" stands beside each of the project, with its media, time
    offset and behaviours (in BORIS: Observations, Import observations), and what `amclip evaluate` writes.

    Args:
        predicted: The folder that `amclip annotate` wrote, or bouts in any form that `amclip evaluate` takes.
        project: The project, as BORIS saves it.
        output: Folder to write to.
        subjects: each compares animal by animal, where both name them; merged what any of them shows.

    Raises:
        ValueError: If a file cannot be used, or the two have no video or no behaviour in common.
    """
    import json

    from amclip.atomic import refuse_overwriting, writing_text
    from amclip.boris import observations_beside
    from amclip.commands.evaluate import evaluate
    from amclip.data.formats import Observations, strict_json
    from amclip.data.formats.files import file_text
    from amclip.ethogram.annotations import read_annotation

    target = Path(output) / "amclip.boris"
    refuse_overwriting("--output", target, [project])
    read_annotation(project, observations=Observations("*"))  # refuses what is no project, or cannot be used
    text = file_text(Path(project))
    if not text.lstrip().startswith("{"):
        raise ValueError(
            f"{project}: is no project of BORIS (a .boris file); events that it exported are compared by: amclip "
            f"evaluate {predicted} {project}"
        )
    content = strict_json.load(text, project)
    beside, notes = observations_beside(content, read_annotation(predicted), project)
    target.parent.mkdir(parents=True, exist_ok=True)
    with writing_text(target) as file:
        file.write(json.dumps(beside, ensure_ascii=False, indent=1) + "\n")
    print(printable(f"Wrote {len(beside['observations'])} observations to {target}: Observations, Import observations"))
    for note in few(notes):
        print(printable(f"  note: {note}"))
    evaluate(predicted, project, output, subjects=subjects)


boris = [install, remove, compare]
