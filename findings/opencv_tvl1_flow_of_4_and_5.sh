#!/usr/bin/env bash
# OpenCV's DualTVL1 gives another flow in 5.0 than in 4.12, from the same two frames and settings: it warps by cv2.remap,
# whose bicubic weights 4.12 takes from a table of 32 steps to a pixel, and 5.0 computes for each place.
#
# What is run   opencv-contrib-python 4.12.0.88 and 5.0.0.93, each in an environment of its own, with numpy 2.2.6: DualTVL1 on
#               two drawn frames of 128 x 128 pixels that differ by a motion of 1.3 and -0.7 pixels, one thread, epsilon 0, no
#               median filter, so that both take as many steps; and cv2.remap by a 64th of a pixel of a ramp.
# Expected      The same flow but for rounding: the method, its settings and the frames are the same, the version of a
#               library is not a setting of the method.
# Seen          Flow 0.012 pixels apart on average (both 0.06 from the true motion). The ramp, 64 a pixel: 0.0 in 4.12, as if
#               it was not moved; 1.48 in 5.0. What is smaller than 1/64 of a pixel is lost in each warp of 4.12. A network
#               that was trained on flow of one version sees another's in annotation.
# Date          2026-11-29
# Ends with 1 if that is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for version in 4.12.0.88 5.0.0.93; do
  python3 -m venv "$work/$version"
  "$work/$version/bin/pip" install --quiet "opencv-contrib-python==$version" "numpy==2.2.6"
  "$work/$version/bin/python" - "$work/$version.npy" <<'PY'
import sys

import cv2
import numpy as np

SIDE, MOVED = 128, (1.3, -0.7)  # pixels, right and down

cv2.setNumThreads(1)
rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)


def picture(x, y):
    """Waves that are smooth at the scale of a pixel, uint8."""
    waves = [(0.31, 0.12), (-0.17, 0.26), (0.09, -0.41), (0.52, 0.33)]
    return np.clip(128 + sum(26 * np.sin(a * x + b * y + a) for a, b in waves), 0, 255).round().astype(np.uint8)


first = picture(columns, rows)
second = picture(columns - MOVED[0], rows - MOVED[1])
method = cv2.optflow.createOptFlow_DualTVL1()
method.setMedianFiltering(1)
method.setEpsilon(0.0)  # no early end: as many iterations in both versions
method.setOuterIterations(5)
method.setInnerIterations(30)
flow = method.calc(first, second, None)
error = np.linalg.norm(flow - np.array(MOVED), axis=2)[16:-16, 16:-16].mean()
print(f"OpenCV {cv2.__version__}: {error:.4f} pixels from the true motion on average")

# The step in which they part: a ramp that is moved by a 64th of a pixel.
ramp = np.tile(np.arange(32, dtype=np.float32) * 64, (32, 1))
where = np.mgrid[0:32, 0:32].astype(np.float32)
moved = cv2.remap(ramp, where[1] + np.float32(1 / 64), where[0], cv2.INTER_CUBIC)
step = float(moved[16, 16] - ramp[16, 16])
print(f"OpenCV {cv2.__version__}: a ramp of 64 a pixel, moved by 1/64 of one, grows by {step:.4f}")
np.save(sys.argv[1], flow)
np.save(sys.argv[1].replace(".npy", "_step.npy"), step)
PY
done
"$work/5.0.0.93/bin/python" - "$work" <<'PY'
import sys

import numpy as np

old, new = (np.load(f"{sys.argv[1]}/{version}.npy") for version in ("4.12.0.88", "5.0.0.93"))
steps = [float(np.load(f"{sys.argv[1]}/{version}_step.npy")) for version in ("4.12.0.88", "5.0.0.93")]
apart = np.linalg.norm(old - new, axis=2)
print(f"flow of the two: {apart.mean():.4f} pixels apart on average")
sys.exit(not (0.003 < apart.mean() < 0.1 and steps[0] == 0 and steps[1] > 0.5))
PY
