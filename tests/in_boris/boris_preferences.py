"""Writes preferences as BORIS does when it ends: python boris_preferences.py FILE, in a Python that has BORIS.

It must be 9 or later. Behind FILE may come the folder of personal plug-ins; without, BORIS has none.
"""

import sys

from boris_reader import load
from PySide6.QtCore import QSettings

if __name__ == "__main__":
    file, *folder = sys.argv[1:]
    config = {**load("config").INIT_PARAM, "excluded_plugins": {"Time budget"}, "analysis_plugins": {}}
    if folder:
        config["personal_plugins_dir"] = folder[0]
    settings = QSettings(file, QSettings.Format.IniFormat)
    settings.setValue("config", config)
    settings.setValue("Time/Format", "hh:mm:ss")
    settings.sync()
