"""BORIS' own code at work on one project: run as a program, for BORIS starts Qt when imported.

usage: python boris_reader.py PROJECT FOLDER: opens the project and writes ``report.json`` (its version, and what the
check of its integrity says, media left aside) and, by BORIS' own export, ``tabular_N.csv`` and ``aggregated_N.json``
per observation.
"""

import importlib
import json
import sys
import types
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def load(name: str) -> Any:
    """A module of BORIS without its window, and without the libraries of its player."""
    if "boris" not in sys.modules:
        spec = find_spec("boris")
        assert spec is not None
        assert spec.submodule_search_locations is not None
        package = types.ModuleType("boris")
        package.__path__ = list(spec.submodule_search_locations)
        sys.path.append(package.__path__[0])  # some of its modules import each other by their bare names
        sys.modules["boris"] = package
        for player in ("mpv", "mpv2", "ipc_mpv"):
            module: Any = types.ModuleType(f"boris.{player}")
            module.MPV, module.dll = object, ""
            sys.modules[f"boris.{player}"] = module
            setattr(package, player, module)
    return importlib.import_module(f"boris.{name}")


def main(path: str, folder: Path) -> None:
    cfg, projects, exports = (load(name) for name in ("config", "project_functions", "export_observation"))
    _, _, project, message = projects.open_project_json(path)
    assert "error" not in project, project
    codes = [behaviour[cfg.BEHAVIOR_CODE] for behaviour in project[cfg.ETHOGRAM].values()]
    animals = [subject[cfg.SUBJECT_NAME] for subject in project[cfg.SUBJECTS].values()]
    everybody = [*animals, cfg.NO_FOCAL_SUBJECT]
    chosen = {"time": cfg.TIME_FULL_OBS, cfg.SELECTED_SUBJECTS: everybody, cfg.SELECTED_BEHAVIORS: codes}
    for number, (name, observation) in enumerate(project[cfg.OBSERVATIONS].items()):
        good, said = exports.export_tabular_events(
            project, chosen, name, observation, project[cfg.ETHOGRAM], str(folder / f"tabular_{number}.csv"), "csv"
        )
        assert good, said
        rows, _ = exports.export_aggregated_events(project, chosen, name)
        (folder / f"aggregated_{number}.json").write_text(json.dumps([list(map(str, row)) for row in rows]))
    report = {
        "version": version("boris-behav-obs"),
        "observations": list(project[cfg.OBSERVATIONS]),
        "converted": message,
        "animals": animals,
        "integrity": projects.check_project_integrity(project, cfg.HHMMSS, path, media_file_available=False),
    }
    (folder / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
