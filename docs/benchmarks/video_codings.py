"""Files of the video matrix: every codec in every container, and what a coder can do within a codec."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from numbered_videos import COUNT, FPS, SIZE, Case, NotWrittenError, Workshop

__all__ = ["CODECS", "CONTAINERS", "ENDLESS", "codings", "encoded", "slug"]

CONTAINERS = {
    "mp4": "mp4",
    "mov": "mov",
    "fragmented.mp4": "mp4 -movflags frag_keyframe+empty_moov+default_base_moof",
    "mkv": "matroska",
    "webm": "webm",
    "avi": "avi",
    "ts": "mpegts",
    "m2ts": "mpegts -mpegts_m2ts_mode 1",
    "mpg": "mpeg",
    "vob": "vob",
    "flv": "flv",
    "wmv": "asf",
    "ogv": "ogg",
    "3gp": "3gp",
}
_X265 = "-c:v libx265 -preset ultrafast -pix_fmt yuv420p -x265-params log-level=none"
_X264 = "-c:v libx264 -preset veryfast -sc_threshold 0 -pix_fmt yuv420p"
CODECS = {
    "H.264": f"{_X264} -g 25 -bf 0",
    "H.264, B-frames": f"{_X264} -g 25 -bf 3",
    "H.265, closed": f"{_X265}:keyint=25:open-gop=0:bframes=3",
    "H.265, open": f"{_X265}:keyint=25:bframes=3:b-adapt=0",
    "VP8": "-c:v libvpx -b:v 400k -g 25 -cpu-used 4",
    "VP9": "-c:v libvpx-vp9 -b:v 400k -g 25 -cpu-used 8 -row-mt 1",
    "AV1": "-c:v libsvtav1 -preset 10 -g 25",
    "MPEG-4": "-c:v mpeg4 -q:v 4 -g 25",
    "MPEG-4, B-frames": "-c:v mpeg4 -q:v 4 -g 25 -bf 2",
    "MPEG-2": "-c:v mpeg2video -q:v 4 -g 12",
    "MPEG-2, B-frames": "-c:v mpeg2video -q:v 4 -g 12 -bf 2",
    "MPEG-1": "-c:v mpeg1video -q:v 4 -g 12",
    "MPEG-1, B-frames": "-c:v mpeg1video -q:v 4 -g 12 -bf 2",
    "MJPEG": "-c:v mjpeg -q:v 6 -pix_fmt yuvj420p",
    "ProRes": "-c:v prores_ks -profile:v 0",
    "FFV1": "-c:v ffv1 -g 25",
    "HuffYUV": "-c:v huffyuv",
    "rawvideo": "-c:v rawvideo -pix_fmt yuv420p",
    "WMV2": "-c:v wmv2 -q:v 4 -g 25",
    "WMV1": "-c:v wmv1 -q:v 4 -g 25",
    "MS-MPEG-4": "-c:v msmpeg4 -q:v 4 -g 25",
    "Theora": "-c:v libtheora -q:v 7 -g 25",
    "FLV1": "-c:v flv -q:v 4 -g 25",
    "PNG": "-c:v png -pix_fmt rgb24",
}
# Codecs of few sizes and rates.
_FIXED_SIZE = {
    "DV": ("-c:v dvvideo -pix_fmt yuv420p", (576, 720), 40),
    "H.263": ("-c:v h263 -q:v 4 -g 25", (144, 176), 80),
}
# What FFmpeg muxes into these as private data, which nothing reads.
_PRIVATE = ("ts", "m2ts", "mpg", "vob")
# FFmpeg 5.1 does not come to an end with it.
ENDLESS = (("AV1", "mov"), ("AV1", "flv"))
_IN_STREAMS = ("H.264", "H.265", "MPEG-", "AV1")


def encoded(shop: Workshop, name: str, codec: str, structure: str, coding: str, *, note: str = "", **more: Any) -> Case:
    """A file whose frames are those that were given to ffmpeg, one after the other, evenly spaced."""
    count, first = more.get("count", COUNT), more.get("first", 0)
    rate = float(more.get("rate", FPS))
    container = CONTAINERS[name.split(".", 1)[1] if name.split(".", 1)[1] in CONTAINERS else name.rsplit(".", 1)[1]]
    return Case(
        name,
        codec,
        structure,
        lambda path: shop.encode(path, f"{coding} -f {container}", **more),
        range(first, first + count),
        [index / rate for index in range(count)],
        more.get("size", SIZE),
        note=note,
    )


def slug(text: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in text.lower()).replace("__", "_").strip("_")


def _does_not_end(path: Path) -> None:
    raise NotWrittenError("FFmpeg 5.1 does not come to an end with it")


def _plain(shop: Workshop) -> Iterator[Case]:
    """Every codec in every container that takes it."""
    for kind in CONTAINERS:
        for codec, coding in CODECS.items():
            if (codec, kind) in ENDLESS:
                yield Case(f"plain_{slug(codec)}.{kind}", codec, "plain", _does_not_end)
                continue
            if kind in _PRIVATE and not codec.startswith(_IN_STREAMS):
                continue
            yield encoded(shop, f"plain_{slug(codec)}.{kind}", codec, "plain", coding)
        for codec, (coding, size, count) in _FIXED_SIZE.items():
            yield encoded(shop, f"plain_{slug(codec)}.{kind}", codec, "plain", coding, size=size, count=count)


def _coding(shop: Workshop) -> Iterator[Case]:
    """Structures that a coder makes."""
    h264 = {
        "B-pyramid": f"{_X264} -g 50 -bf 5 -b_strategy 0 -x264-params b-pyramid=normal:ref=4",
        "open GOP": f"{_X264} -g 25 -bf 3 -b_strategy 0 -x264-params open-gop=1",
        "intra refresh": f"{_X264} -g 25 -bf 0 -x264-params intra-refresh=1",
        "one key frame": f"{_X264} -g 9999 -bf 2",
        "lossless": "-c:v libx264 -preset veryfast -qp 0 -g 25 -pix_fmt yuv420p",
        "10 bit": "-c:v libx264 -preset veryfast -g 25 -pix_fmt yuv420p10le",
        "4:4:4": "-c:v libx264 -preset veryfast -g 25 -pix_fmt yuv444p",
        "grey": "-c:v libx264 -preset veryfast -g 25 -pix_fmt gray",
        "RGB": "-c:v libx264rgb -preset veryfast -g 25 -pix_fmt rgb24",
        "interlaced": f"{_X264} -g 25 -bf 2 -flags +ildct+ilme -x264-params tff=1",
        "several slices": f"{_X264} -g 25 -bf 2 -x264-params slices=4",
        "all key frames": f"{_X264} -g 1",
        "full range": "-c:v libx264 -preset veryfast -g 25 -pix_fmt yuvj420p",
        "no delay": f"{_X264} -g 25 -tune zerolatency",
    }
    for structure, coding in h264.items():
        for kind in ("mp4", "mov", "mkv", "avi", "ts", "flv", "fragmented.mp4"):
            yield encoded(shop, f"h264_{slug(structure)}.{kind}", "H.264", structure, coding)
    h265 = {
        "one key frame": f"{_X265}:keyint=9999:min-keyint=9999",
        "intra refresh": f"{_X265}:keyint=25:intra-refresh=1:bframes=0",
        "default": "-c:v libx265 -pix_fmt yuv420p -x265-params log-level=none:keyint=50",
        "10 bit": "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params log-level=none:keyint=25",
        "4:4:4": "-c:v libx265 -preset ultrafast -pix_fmt yuv444p -x265-params log-level=none:keyint=25",
        "no B-frames": f"{_X265}:keyint=25:bframes=0",
    }
    for structure, coding in h265.items():
        for kind in ("mp4", "mov", "mkv", "ts"):
            yield encoded(shop, f"h265_{slug(structure)}.{kind}", "H.265", structure, coding)
    hidden = "-b:v 250k -auto-alt-ref 1 -lag-in-frames 16 -g 60 -cpu-used 3"
    for kind in ("webm", "mkv", "avi"):
        coding = f"-c:v libvpx {hidden}"
        yield encoded(shop, f"vp8_hidden.{kind}", "VP8", "hidden frames", coding, passes=2)
    for kind in ("webm", "mkv", "mp4"):
        coding = f"-c:v libvpx-vp9 {hidden}"
        yield encoded(shop, f"vp9_hidden.{kind}", "VP9", "hidden frames", coding, passes=2)
        coding = "-c:v libsvtav1 -preset 8 -g 250"
        yield encoded(shop, f"av1_long_gop.{kind}", "AV1", "long GOP, hidden frames", coding)
    for kind in ("avi", "mkv", "mp4"):
        coding = "-c:v libxvid -q:v 4 -g 50 -bf 2"
        yield encoded(shop, f"xvid_bframes.{kind}", "MPEG-4 (Xvid)", "packed B-frames", coding)
        coding = "-c:v mpeg4 -q:v 4 -g 300 -bf 2 -vtag DX50"
        yield encoded(
            shop,
            f"divx_long_gop.{kind}",
            "MPEG-4",
            "B-frames, one key frame",
            coding.replace("-vtag DX50", "-vtag DX50" if kind == "avi" else ""),
        )
    for kind in ("mpg", "vob", "ts", "m2ts", "mkv", "mp4", "avi"):
        coding = "-c:v mpeg2video -q:v 4 -g 15 -bf 2 -flags +ildct+ilme -alternate_scan 1"
        yield encoded(shop, f"mpeg2_interlaced.{kind}", "MPEG-2", "interlaced, B-frames", coding)
        coding = "-c:v mpeg2video -q:v 4 -g 15 -bf 2 -flags +cgop -sc_threshold 1000000000"
        yield encoded(shop, f"mpeg2_closed.{kind}", "MPEG-2", "closed GOP, B-frames", coding)


def _sizes_and_rates(shop: Workshop) -> Iterator[Case]:
    for height, width in ((16, 16), (24, 32), (36, 48), (72, 96), (120, 90), (90, 102), (50, 200), (234, 426)):
        for kind, codec in (("mp4", "H.264, B-frames"), ("mkv", "VP9"), ("avi", "MPEG-4"), ("avi", "MJPEG")):
            name, coding = f"size_{width}x{height}_{slug(codec)}.{kind}", CODECS[codec].replace("-q:v 4", "-q:v 2")
            coding = coding.replace("-bf 3", "-bf 3 -crf 14")
            yield encoded(shop, name, codec, f"{width} × {height}", coding, size=(height, width))
    for codec, kind in (("VP8", "webm"), ("VP9", "webm"), ("MJPEG", "avi"), ("FFV1", "mkv"), ("AV1", "mp4")):
        name = f"size_odd_{slug(codec)}.{kind}"
        yield encoded(shop, name, codec, "101 × 67", CODECS[codec], size=(67, 101))
    coding = "-c:v libx264 -preset veryfast -g 25 -bf 2 -pix_fmt yuv444p"
    yield encoded(shop, "size_odd_h264.mp4", "H.264", "101 × 67", coding, size=(67, 101))
    coding = f"{CODECS['H.264, B-frames']} -aspect 2:1"
    yield encoded(shop, "pixels_not_square.mp4", "H.264", "pixels not square", coding)
    yield encoded(shop, "large.mp4", "H.264", "1280 × 720", CODECS["H.264, B-frames"], size=(720, 1280), count=60)
    for rate in ("1", "0.5", "15", "29.97002997", "60", "240"):
        for kind, codec in (("mp4", "H.264, B-frames"), ("mkv", "H.264, B-frames"), ("avi", "MPEG-4"), ("ts", "H.264")):
            name = f"rate_{slug(rate)}_{slug(codec)}.{kind}"
            if kind == "ts" and float(rate) < 1:
                continue
            given = "30000/1001" if rate.startswith("29") else rate
            case = encoded(shop, name, codec, f"{float(rate):.4g} frames/s", CODECS[codec], rate=float(rate))
            yield Case(
                case.name,
                case.codec,
                case.structure,
                partial(shop.encode, coding=f"{CODECS[codec]} -f {CONTAINERS[kind]}", rate=given),
                case.numbers,
                case.times,
            )


def codings(shop: Workshop) -> Iterator[Case]:
    """All of them."""
    for group in (_plain, _coding, _sizes_and_rates):
        yield from group(shop)
