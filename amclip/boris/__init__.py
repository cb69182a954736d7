"""amclip inside BORIS: its plug-ins, how they are installed, and bouts as observations beside those of a project."""

from amclip.boris.install import PLUGINS, install_plugins, remove_plugins
from amclip.boris.observations import observations_beside
from amclip.boris.preferences import personal_folder, set_personal_folder

__all__ = [
    "PLUGINS",
    "install_plugins",
    "observations_beside",
    "personal_folder",
    "remove_plugins",
    "set_personal_folder",
]
