"""BORIS' own code saves a project and exports its events: run as a program in a Python that has BORIS 9 or later.

usage: python boris_exports.py PROJECT FOLDER: writes ``saved.boris``, and aggregated and tabular events as TSV, CSV and
XLSX, ``aggregated.csv`` of all observations and ``tabular_N.csv`` of each, limited to the time between first and last
event: of all of an observation with a time offset BORIS leaves out what is later than its media are long.
"""

import json
import sys
from pathlib import Path
from typing import Any

from boris_plugins import Window
from boris_reader import load
from PySide6.QtWidgets import QApplication, QFileDialog


def main(path: str, folder: str) -> None:
    app = QApplication([])
    names = ("config", "utilities", "project_functions", "export_events", "export_observation", "dialog")
    cfg, utilities, projects, exports, of_one, dialog = map(load, names)
    *_, project, _ = projects.open_project_json(path)
    window = Window(project, path, {})
    _, chosen = window.obs_param()
    chosen["time"] = cfg.TIME_EVENTS
    text = json.dumps(project, default=utilities.decimal_default, indent=cfg.PROJECT_FILE_INDENTATION_DEFAULT_VALUE)
    Path(folder, "saved.boris").write_text(text)
    exports.select_observations.select_observations2 = lambda *_: ("", list(project[cfg.OBSERVATIONS]))
    exports.select_subj_behav.choose_obs_subj_behav_category = lambda *_, **__: chosen
    dialog.MessageDialog = lambda *_: cfg.YES  # all observations in one file
    for form in (cfg.TSV, cfg.CSV, cfg.XLSX):
        suffix = cfg.FILE_NAME_SUFFIX[form]

        def chosen_file(*_: Any, form: str = form, suffix: str = suffix, **__: Any) -> tuple[str, str]:
            return f"{folder}/aggregated.{suffix}", form

        QFileDialog.getSaveFileName = chosen_file  # type: ignore[method-assign, assignment]
        exports.export_aggregated_events(window)
        for number, (name, observation) in enumerate(project[cfg.OBSERVATIONS].items()):
            target = f"{folder}/tabular_{number}.{suffix}"
            good, said = of_one.export_tabular_events(
                project, chosen, name, observation, project[cfg.ETHOGRAM], target, suffix
            )
            assert good, said
    app.quit()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
