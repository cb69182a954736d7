#!/usr/bin/env bash
# sleap-io reads DeepLabCut's prediction files as labels without a single frame, and says nothing.
#
# What is run   sleap-io 0.9.5 on a CSV as deeplabcut.analyze_videos writes it (scorer, bodyparts, coords; the index is
#               the number of the frame): three frames of one animal with two body points, all likely. Once the same as
#               labelled images (CollectedData), whose index are names of images that
#               are there.
# Expected      Three frames with an instance each, or an error that predictions are not read.
# Seen          Labels without a frame, no error, no warning. The labelled images are read.
# Date          2026-11-28
# Ends with 1 if that is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "sleap-io==0.9.5" "h5py==3.16.0"
"$work/venv/bin/python" -W error::UserWarning - "$work" <<'PY'
import sys
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import sleap_io

folder = Path(sys.argv[1])
PLACES = ("x", "y", "likelihood")


def read(name, index, places):
    columns = [(point, place) for point in ("head", "tail") for place in places]
    lines = ["scorer" + ",net" * len(columns)]
    lines.append("bodyparts," + ",".join(point for point, _ in columns))
    lines.append("coords," + ",".join(place for _, place in columns))
    for number, key in enumerate(index):
        cells = ["0.99" if place == "likelihood" else str(10 + number) for _, place in columns]
        lines.append(f"{key}," + ",".join(cells))
    (folder / name).write_text("\n".join(lines) + "\n")
    return len(sleap_io.load_dlc(str(folder / name)).labeled_frames)


(folder / "labeled-data" / "a").mkdir(parents=True)
images = [f"labeled-data/a/img{number:04}.png" for number in range(3)]
for image in images:
    imageio.imwrite(folder / image, np.zeros((32, 32), np.uint8))
predicted = read("aDLC_resnet50_xMay3shuffle1_1000.csv", range(3), PLACES)
labelled = read("CollectedData_me.csv", images, PLACES[:2])
print(f"predictions: {predicted} of 3 frames; labelled images: {labelled} of 3")
sys.exit(not (predicted == 0 and labelled == 3))
PY
