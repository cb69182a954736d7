"""BORIS' own code loads and runs amclip's plug-ins: run as a program in a Python that has BORIS.

usage: python boris_plugins.py PROJECT PREFERENCES FOLDER REPORT: takes the folder of personal plug-ins from BORIS'
preferences, opens the project, runs each plug-in from BORIS' menu with FOLDER as the folder that a person would choose,
and imports amclip's observations. REPORT gets, as JSON, the menu, what was shown, and the observations and integrity of
the project in the end.
"""

import json
import sys
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from boris_reader import load
from PySide6.QtCore import QSettings
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QMenu, QMessageBox, QWidget


class Window(QWidget):
    """What BORIS' plug-ins use of its main window; its player needs libraries of the system."""

    def __init__(self, project: dict[str, Any], path: str, preferences: dict[str, Any]) -> None:
        super().__init__()
        self.pj, self.project, self.projectFileName, self.config_param = project, True, path, preferences
        self.menu_plugins = QMenu()
        self.results_objects: list[Any] = []

    def obs_param(self) -> tuple[list[str], dict[str, Any]]:
        """All that its window lists."""
        cfg = load("config")
        subjects = [one[cfg.SUBJECT_NAME] for one in self.pj[cfg.SUBJECTS].values()]
        return list(self.pj[cfg.OBSERVATIONS]), {
            cfg.SELECTED_SUBJECTS: [*subjects, cfg.NO_FOCAL_SUBJECT],
            cfg.SELECTED_BEHAVIORS: [one[cfg.BEHAVIOR_CODE] for one in self.pj[cfg.ETHOGRAM].values()],
            "time": cfg.TIME_FULL_OBS,
            "start time": None,
            "end time": None,
        }

    def remove_closed_results_objects(self) -> None:
        """Windows stay."""

    def project_changed(self) -> None:
        """Nobody asks whether to save."""


def shown(window: Any) -> Any:
    if hasattr(window, "df"):
        return {"columns": list(window.df.columns), "rows": window.df.astype(object).values.tolist()}
    return window.ptText.toPlainText()


def plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)


def main(path: str, preferences: str, folder: str, report: str) -> None:
    app = QApplication([])
    warned: list[str] = []
    for name in ("warning", "critical", "information"):
        setattr(QMessageBox, name, lambda *words: warned.append(str(words[2])))
    QFileDialog.getExistingDirectory = lambda *words: folder  # type: ignore[method-assign, assignment]
    names = ("project_functions", "plugins", "import_observations", "dialog", "config")
    projects, plugins, imports, dialog, cfg = map(load, names)
    *_, project, _ = projects.open_project_json(path)
    config = QSettings(preferences, QSettings.Format.IniFormat).value("config")
    window = Window(project, path, config)
    plugins.load_plugins(window)
    plugins.add_plugins_to_menu(window)
    actions = {one.text(): one for one in window.findChildren(QAction)}
    said: dict[str, Any] = {"version": version("boris-behav-obs"), "menu": sorted(actions), "shown": {}}
    for name in sorted(actions, key=lambda name: "send" not in name):
        if name.startswith("amclip"):
            window.results_objects.clear()
            actions[name].trigger()
            windows = window.results_objects or window.plugin_visu  # the second up to 9.7
            said["shown"][name] = [shown(one) for one in windows]

    class All(QDialog):
        """Chooses all observations that can be imported."""

        def __init__(self, _: str, names: list[str]) -> None:
            super().__init__()
            self.names = names

        def exec_(self) -> bool:
            return True

        def get_selected_observations(self) -> list[str]:
            return self.names

    dialog.ChooseObservationsToImport = All
    asked: list[str] = []
    dialog.MessageDialog = lambda _, words, answers: asked.append(words) or answers[-1]
    imports.load_observations_from_boris_project(window, f"{folder}_with_boris/amclip.boris")
    integrity = projects.check_project_integrity(window.pj, cfg.HHMMSS, path, media_file_available=False)
    said |= {"asked": asked, "warned": warned, "integrity": integrity, "observations": window.pj[cfg.OBSERVATIONS]}
    _, frame = projects.project2dataframe(window.pj, list(window.pj[cfg.OBSERVATIONS]))
    said["rows"] = frame[["Observation id", "Subject", "Behavior", "Start (s)", "Stop (s)"]].values.tolist()
    Path(report).write_text(json.dumps(said, default=plain))
    app.quit()


if __name__ == "__main__":
    main(*sys.argv[1:5])
