#!/usr/bin/env bash
# decord2's random access to H.264 in AVI hands out other frames than those asked for, without an error.
#
# What is run   decord2 3.4.0 on an AVI file that PyAV 18.1.0 writes here: 120 frames of 128 x 96 pixels, each with
#               its number as eight black or white bars, H.264 without B-frames, a key frame every 30 frames. PyAV and decord2 itself, both in
#               order from the first frame, say which frame is which.
# Expected      reader[i] is frame i, as in the same stream in MP4.
# Seen          AVI: 88 of 120 are others, up to 90 frames off. MP4: 0.
# Date          2026-11-28
# Ends with 1 if that is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "decord2==3.4.0" "av==18.1.0" "numpy<3"
"$work/venv/bin/python" - "$work" <<'PY'
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from decord import VideoReader, cpu

FRAMES = 120


def write(path):
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.options = {"g": "30", "keyint_min": "30", "sc_threshold": "0", "bf": "0", "crf": "10"}
        for number in range(FRAMES):
            bars = np.repeat([255 * (number >> bit & 1) for bit in range(8)], 16).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(np.broadcast_to(bars[:, None], (96, 128, 3)).copy(), format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, 25)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))


def number_of(pixels):
    bars = pixels[32:64].reshape(32, 8, 16, 3).mean(axis=(0, 2, 3)) > 127
    return int(sum(1 << bit for bit in range(8) if bars[bit]))


def wrong(path):
    with av.open(str(path)) as file:
        in_order = [number_of(frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
    assert in_order == list(range(FRAMES)), "the file itself is not as it was meant"
    reader = VideoReader(str(path), ctx=cpu(0))
    order = np.random.default_rng(0).permutation(min(len(reader), FRAMES))
    found = {int(index): number_of(reader[int(index)].asnumpy()) for index in order}
    off = [abs(number - index) for index, number in found.items() if number != index]
    print(f"{path.suffix}: {len(reader)} frames, {len(off)} of {len(found)} are others, up to {max(off, default=0)} off")
    return len(off)


folder = Path(sys.argv[1])
counts = {}
for end in (".avi", ".mp4"):
    write(folder / f"bars{end}")
    counts[end] = wrong(folder / f"bars{end}")
sys.exit(not (counts[".avi"] >= 60 and counts[".mp4"] == 0))
PY
