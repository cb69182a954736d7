#!/usr/bin/env bash
# torchcodec's get_frame_at(i) gives another picture of H.264 in AVI to a new decoder than to one that read up to there.
#
# What is run   torchcodec 0.17.0 (PyTorch 2.14.1, FFmpeg's libraries from the system or the wheel) in its exact mode, on a
#               file that PyAV 18.1.0 writes here: 60 frames of 128 x 64 pixels, each with its number as six black or white
#               bars, H.264 with two B-frames, a key frame every 20. Each frame is asked for by its number twice: of a
#               decoder that was opened for it, and of one that is asked for all of them in order.
# Expected      Frame i both times, as in the same stream in MP4. "Exact" says that every frame is found by a scan of the file.
# Seen          AVI: a new decoder gives another frame for 52 of 60 numbers, mostly two earlier. In order, 58 are right, one
#               raises "no more frames left to decode", and the last is another. MP4: all are right both ways.
#               PyAV decodes all 60 of both files in order. A training that draws clips at random learns from other frames
#               than a test that reads from the start is shown.
# Date          2026-11-28
# Ends with 1 if that is no longer so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "torch==2.14.1" "torchcodec==0.17.0" "av==18.1.0" "numpy<3"
"$work/venv/bin/python" - "$work" <<'PY'
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from torchcodec.decoders import VideoDecoder

FRAMES, BARS = 60, 6


def write(path):
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"bf": "2", "g": "20", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = 128, 64, "yuv420p"
        for number in range(FRAMES):
            pixels = np.zeros((64, 128, 3), np.uint8)
            for bar in range(BARS):
                pixels[:, 21 * bar : 21 * bar + 20] = 255 * (number >> bar & 1)
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, 25)
            file.mux(stream.encode(picture))
        file.mux(stream.encode(None))


def number_of(pixels):
    return sum(1 << bar for bar in range(BARS) if pixels[20:40, 21 * bar + 6 : 21 * bar + 14].mean() > 128)


def asked(decoder, number):
    try:
        return number_of(decoder.get_frame_at(number).data.numpy())
    except RuntimeError as error:
        return str(error)


def count(path):
    with av.open(str(path)) as file:
        in_order = [number_of(frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
    assert in_order == list(range(FRAMES)), "the file itself is not as it was meant"

    def opened():
        return VideoDecoder(str(path), dimension_order="NHWC", seek_mode="exact")

    new = [asked(opened(), number) for number in range(FRAMES)]
    one = opened()
    along = [asked(one, number) for number in range(FRAMES)]
    right = [sum(found == number for number, found in enumerate(given)) for given in (new, along)]
    print(f"{path.suffix}: right by a new decoder {right[0]}, by one in order {right[1]}, of {FRAMES}; new: {new[:12]}")
    return right


folder = Path(sys.argv[1])
found = {}
for end in (".avi", ".mp4"):
    write(folder / f"numbered{end}")
    found[end] = count(folder / f"numbered{end}")
as_seen = found[".mp4"] == [FRAMES, FRAMES] and found[".avi"][0] < FRAMES // 2 < found[".avi"][1]
print("as seen before" if as_seen else "no longer so")
sys.exit(0 if as_seen else 1)
PY
