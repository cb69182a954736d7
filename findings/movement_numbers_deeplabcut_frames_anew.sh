#!/usr/bin/env bash
# movement numbers DeepLabCut's frames anew by the order of rows: the index, which is the frame, is not used.
#
# What is run   movement 0.15.0 on a CSV as deeplabcut.analyze_videos writes it, with the frames 10, 11 and 13: a
#               part of a video, one row of which was removed.
# Expected      Time 10, 11, 13 (or a gap between them), or an error.
# Seen          Time 0, 1, 2, no warning; so every pose behind the gap is of another frame than the file says.
# Date          2026-11-28
# Ends with 1 if that is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "movement==0.15.0"
"$work/venv/bin/python" -W error::UserWarning - "$work" <<'PY'
import sys
from pathlib import Path

from movement.io import load_poses

path = Path(sys.argv[1]) / "aDLC_resnet50_xMay3shuffle1_1000.csv"
rows = ["scorer" + ",net" * 3, "bodyparts" + ",head" * 3, "coords,x,y,likelihood"]
rows += [f"{frame},{10 * frame},5,0.99" for frame in (10, 11, 13)]
path.write_text("\n".join(rows) + "\n")
poses = load_poses.from_dlc_file(str(path))
time, x = poses.time.values.tolist(), poses.position.sel(space="x").values.reshape(-1).tolist()
print(f"x {x} at time {time}, in {poses.attrs.get('time_unit')}")
sys.exit(not (time == [0, 1, 2] and x == [100, 110, 130]))
PY
