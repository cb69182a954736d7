#!/usr/bin/env bash
# BORIS exports no event of an observation whose time offset is longer than its video, and says nothing.
#
# What is run   BORIS' own functions: a project of one video of 60 s, once with a time offset of 0 and once of 100 s, with
#               two bouts of one behaviour. BORIS adds the offset to the times of events, also to these. It is opened, and
#               its events are exported as tabular and as aggregated events of the full observation, and limited to the time
#               from the first event to the last, which is what BORIS' window proposes. BORIS 10.0.2 on Python 3.13; on
#               older ones 8.27.4, the last that Python 3.11 can have. Seen with 9.15.0, too.
# Expected      Two bouts (four events) in each table.
# Seen          Of the full observation with an offset, tables without a row, no error, no warning: what is later than
#               the video is long is left out, and times count from the offset. All other tables are as expected.
# Date          2026-11-28
# Ends with 1 if that is no longer so.
set -euo pipefail
python=${PYTHON:-python3}
version=$("$python" -c 'import sys; print("10.0.2" if sys.version_info[:2] == (3, 13) else "8.27.4")')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --prefer-binary "boris-behav-obs==$version"
QT_QPA_PLATFORM=offscreen "$work/venv/bin/python" - "$work" <<'PY'
import importlib
import json
import sys
import types
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

folder = Path(sys.argv[1])
package = types.ModuleType("boris")  # without its window and its player, which need libraries of the system
package.__path__ = list(find_spec("boris").submodule_search_locations)
sys.path.append(package.__path__[0])
sys.modules["boris"] = package
for player in ("mpv", "mpv2", "ipc_mpv"):
    module = types.ModuleType(f"boris.{player}")
    module.MPV, module.dll = object, ""
    sys.modules[f"boris.{player}"] = module
    setattr(package, player, module)
cfg, projects, exports = (
    importlib.import_module(f"boris.{name}") for name in ("config", "project_functions", "export_observation")
)


def observation(offset):
    media = {"length": {"a.mp4": 60.0}, "fps": {"a.mp4": 25.0}, "hasVideo": {"a.mp4": True}, "hasAudio": {"a.mp4": False}}
    return {
        "type": "MEDIA",
        "date": "2026-11-28T10:00:00",
        "description": "",
        "time offset": offset,
        "events": [[offset + time, "", "walking", "", "", "NA"] for time in (1.0, 5.0, 20.0, 30.0)],
        "observation time interval": [0, 0],
        "file": {str(player): ["a.mp4"] if player == 1 else [] for player in range(1, 9)},
        "media_info": media | {"offset": {"1": 0.0}},
        "independent_variables": {},
    }


behaviour = {"type": "State event", "key": "w", "code": "walking", "description": "", "category": ""}
project = {
    "time_format": "hh:mm:ss",
    "project_date": "2026-11-28T10:00:00",
    "project_name": "",
    "project_description": "",
    "project_format_version": "7.0",
    "subjects_conf": {},
    "behaviors_conf": {"0": behaviour | {"color": "", "modifiers": {}, "excluded": "", "coding map": ""}},
    "observations": {"at 0 s": observation(0.0), "at 100 s": observation(100.0)},
    "behavioral_categories": [],
    "behavioral_categories_config": {},
    "independent_variables": {},
    "coding_map": {},
    "behaviors_coding_map": [],
    "converters": {},
}
(folder / "study.boris").write_text(json.dumps(project))
project = projects.open_project_json(str(folder / "study.boris"))[2]
found = {}
for name, one in project["observations"].items():
    for time in (cfg.TIME_FULL_OBS, cfg.TIME_EVENTS):
        chosen = {"time": time, cfg.SELECTED_SUBJECTS: [cfg.NO_FOCAL_SUBJECT], cfg.SELECTED_BEHAVIORS: ["walking"]}
        table = folder / "table.csv"
        exports.export_tabular_events(project, chosen, name, one, project["behaviors_conf"], str(table), "csv")
        bouts, _ = exports.export_aggregated_events(project, chosen, name)
        found[name, time] = (len(table.read_text().splitlines()) - 1, len(bouts))
print("BORIS", version("boris-behav-obs"), "events and bouts:", found)
expected = dict.fromkeys(found, (4, 2)) | {("at 100 s", cfg.TIME_FULL_OBS): (0, 0)}
sys.exit(found != expected)
PY
