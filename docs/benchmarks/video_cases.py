"""The files of the video matrix: containers × codecs, and structures of each that matter."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numbered_files import copy_packets, turn
from numbered_videos import COUNT, FPS, SIZE, Case, NotWrittenError, Workshop

__all__ = ["QUICK", "all_cases"]

#: Of the small files that PyAV writes alone, those that a quick run reads.
QUICK = (
    *("h264_bframes.mp4", "h264_open_gop.mkv", "h264_intra_refresh.mp4", "h264.avi", "h264.ts", "h265_open_gop.mp4"),
    *("vp8_hidden.webm", "mpeg4_bframes.avi", "trimmed.mp4", "turned_90.mp4", "variable_rate.mkv", "double_stamp.mkv"),
    *("two_tracks.mp4", "no_index.mkv", "clock_wraps.ts"),
)

_CONTAINERS = {
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
_CODECS = {
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
_ENDLESS = (("AV1", "mov"), ("AV1", "flv"))
_IN_STREAMS = ("H.264", "H.265", "MPEG-", "AV1")


def _encoded(
    shop: Workshop, name: str, codec: str, structure: str, coding: str, *, note: str = "", **more: Any
) -> Case:
    """A file whose frames are those that were given to ffmpeg, one after the other, evenly spaced."""
    count, first = more.get("count", COUNT), more.get("first", 0)
    rate = float(more.get("rate", FPS))
    container = _CONTAINERS[name.split(".", 1)[1] if name.split(".", 1)[1] in _CONTAINERS else name.rsplit(".", 1)[1]]
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


def _slug(text: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in text.lower()).replace("__", "_").strip("_")


def _does_not_end(path: Path) -> None:
    raise NotWrittenError("FFmpeg 5.1 does not come to an end with it")


def _plain(shop: Workshop) -> Iterator[Case]:
    """Every codec in every container that takes it."""
    for kind in _CONTAINERS:
        for codec, coding in _CODECS.items():
            if (codec, kind) in _ENDLESS:
                yield Case(f"plain_{_slug(codec)}.{kind}", codec, "plain", _does_not_end)
                continue
            if kind in _PRIVATE and not codec.startswith(_IN_STREAMS):
                continue
            yield _encoded(shop, f"plain_{_slug(codec)}.{kind}", codec, "plain", coding)
        for codec, (coding, size, count) in _FIXED_SIZE.items():
            yield _encoded(shop, f"plain_{_slug(codec)}.{kind}", codec, "plain", coding, size=size, count=count)


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
            yield _encoded(shop, f"h264_{_slug(structure)}.{kind}", "H.264", structure, coding)
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
            yield _encoded(shop, f"h265_{_slug(structure)}.{kind}", "H.265", structure, coding)
    hidden = "-b:v 250k -auto-alt-ref 1 -lag-in-frames 16 -g 60 -cpu-used 3"
    for kind in ("webm", "mkv", "avi"):
        coding = f"-c:v libvpx {hidden}"
        yield _encoded(shop, f"vp8_hidden.{kind}", "VP8", "hidden frames", coding, passes=2)
    for kind in ("webm", "mkv", "mp4"):
        coding = f"-c:v libvpx-vp9 {hidden}"
        yield _encoded(shop, f"vp9_hidden.{kind}", "VP9", "hidden frames", coding, passes=2)
        coding = "-c:v libsvtav1 -preset 8 -g 250"
        yield _encoded(shop, f"av1_long_gop.{kind}", "AV1", "long GOP, hidden frames", coding)
    for kind in ("avi", "mkv", "mp4"):
        coding = "-c:v libxvid -q:v 4 -g 50 -bf 2"
        yield _encoded(shop, f"xvid_bframes.{kind}", "MPEG-4 (Xvid)", "packed B-frames", coding)
        coding = "-c:v mpeg4 -q:v 4 -g 300 -bf 2 -vtag DX50"
        yield _encoded(
            shop,
            f"divx_long_gop.{kind}",
            "MPEG-4",
            "B-frames, one key frame",
            coding.replace("-vtag DX50", "-vtag DX50" if kind == "avi" else ""),
        )
    for kind in ("mpg", "vob", "ts", "m2ts", "mkv", "mp4", "avi"):
        coding = "-c:v mpeg2video -q:v 4 -g 15 -bf 2 -flags +ildct+ilme -alternate_scan 1"
        yield _encoded(shop, f"mpeg2_interlaced.{kind}", "MPEG-2", "interlaced, B-frames", coding)
        coding = "-c:v mpeg2video -q:v 4 -g 15 -bf 2 -flags +cgop -sc_threshold 1000000000"
        yield _encoded(shop, f"mpeg2_closed.{kind}", "MPEG-2", "closed GOP, B-frames", coding)


def _sizes_and_rates(shop: Workshop) -> Iterator[Case]:
    for height, width in ((16, 16), (24, 32), (36, 48), (72, 96), (120, 90), (90, 102), (50, 200), (234, 426)):
        for kind, codec in (("mp4", "H.264, B-frames"), ("mkv", "VP9"), ("avi", "MPEG-4"), ("avi", "MJPEG")):
            name, coding = f"size_{width}x{height}_{_slug(codec)}.{kind}", _CODECS[codec].replace("-q:v 4", "-q:v 2")
            coding = coding.replace("-bf 3", "-bf 3 -crf 14")
            yield _encoded(shop, name, codec, f"{width} × {height}", coding, size=(height, width))
    for codec, kind in (("VP8", "webm"), ("VP9", "webm"), ("MJPEG", "avi"), ("FFV1", "mkv"), ("AV1", "mp4")):
        name = f"size_odd_{_slug(codec)}.{kind}"
        yield _encoded(shop, name, codec, "101 × 67", _CODECS[codec], size=(67, 101))
    coding = "-c:v libx264 -preset veryfast -g 25 -bf 2 -pix_fmt yuv444p"
    yield _encoded(shop, "size_odd_h264.mp4", "H.264", "101 × 67", coding, size=(67, 101))
    coding = f"{_CODECS['H.264, B-frames']} -aspect 2:1"
    yield _encoded(shop, "pixels_not_square.mp4", "H.264", "pixels not square", coding)
    yield _encoded(shop, "large.mp4", "H.264", "1280 × 720", _CODECS["H.264, B-frames"], size=(720, 1280), count=60)
    for rate in ("1", "0.5", "15", "29.97002997", "60", "240"):
        for kind, codec in (("mp4", "H.264, B-frames"), ("mkv", "H.264, B-frames"), ("avi", "MPEG-4"), ("ts", "H.264")):
            name = f"rate_{_slug(rate)}_{_slug(codec)}.{kind}"
            if kind == "ts" and float(rate) < 1:
                continue
            given = "30000/1001" if rate.startswith("29") else rate
            case = _encoded(shop, name, codec, f"{float(rate):.4g} frames/s", _CODECS[codec], rate=float(rate))
            yield Case(
                case.name,
                case.codec,
                case.structure,
                partial(shop.encode, coding=f"{_CODECS[codec]} -f {_CONTAINERS[kind]}", rate=given),
                case.numbers,
                case.times,
            )


def _copied(shop: Workshop, name: str, codec: str, structure: str, before: str, after: str, **more: Any) -> Case:
    """A file written, and copied with options of ffmpeg before and behind the input."""
    kind = name.split(".", 1)[1]
    coding, source_kind = more.pop("coding", _CODECS[codec]), more.pop("source", kind)

    def write(path: Path) -> None:
        whole = shop.part(f"whole-{path.stem}.{source_kind.rsplit('.', 1)[-1]}")
        shop.encode(whole, f"{coding} -f {_CONTAINERS[source_kind]}")
        shop.run(f"{before} -i {whole} -c copy {after} -f {_CONTAINERS[kind]}", path)

    return Case(name, codec, structure, write, **more)


def _times(structure: Case, times: np.ndarray, shop: Workshop, coding: str, kind: str) -> Case:
    """A variable rate: a stamp for each frame, in milliseconds, rounded down to those of the container."""
    stamps = shop.part(f"{structure.name}.txt")

    def write(path: Path) -> None:
        expression = "0"
        edges = np.flatnonzero(np.diff(times, n=2).round(6)) + 1
        starts = [0, *edges.tolist()]
        for start in starts:  # a line through each stretch of one rate
            step = times[min(start + 1, len(times) - 1)] - times[start]
            expression = f"if(gte(N\\,{start})\\,{times[start]:.6f}+(N-{start})*{step:.6f}\\,{expression})"
        words = expression.split(" ")
        stamps.write_text(expression)
        filters = f"-vf settb=1/90000,setpts=({''.join(words)})/TB -fps_mode passthrough -enc_time_base 1/90000"
        shop.encode(path, f"{filters} {coding} -f {_CONTAINERS[kind]}")

    return Case(structure.name, structure.codec, structure.structure, write, range(COUNT), (times - times[0]).tolist())


def _stamps(shop: Workshop) -> Iterator[Case]:
    """Edit lists, offsets, variable rates, stamps of a kind of their own."""
    for codec in ("H.264", "H.264, B-frames", "H.265, closed", "H.265, open", "MPEG-4", "MPEG-4, B-frames", "AV1"):
        for kind in ("mp4",) if (codec, "mov") in _ENDLESS else ("mp4", "mov"):
            for cut in (40, 13):
                yield _copied(
                    *(shop, f"trimmed_{cut}_{_slug(codec)}.{kind}", codec, f"edit list: begins {cut % 25} after a key"),
                    *(f"-ss {cut / FPS}", ""),
                    numbers=range(cut, COUNT),
                    times=[index / FPS for index in range(COUNT - cut)],
                )
    for codec, kinds in {
        "H.264": ("mp4", "mov", "mkv", "ts", "flv"),
        "H.264, B-frames": ("mp4", "mov", "mkv", "ts", "fragmented.mp4"),
        "VP9": ("webm",),
        "MPEG-4": ("mp4", "mkv"),
        "MPEG-2, B-frames": ("ts", "mkv"),
        "WMV2": ("wmv",),
    }.items():
        for kind in kinds:
            known = {"numbers": range(COUNT), "times": [index / FPS for index in range(COUNT)]}
            name = f"starts_late_{_slug(codec)}.{kind}"
            yield _copied(shop, name, codec, "starts at 3.2 s", "", "-output_ts_offset 3.2", **known)
    known = {"numbers": range(COUNT), "times": [index / FPS for index in range(COUNT)]}
    for kind in ("mkv", "mp4", "mov", "ts"):
        options = "-output_ts_offset -1.2 -avoid_negative_ts disabled"
        known_times = known["times"] if kind in ("mkv", "ts") else None  # MP4 and MOV cut off what is before 0
        yield _copied(shop, f"starts_before_0.{kind}", "H.264", "negative start", "", options, times=known_times)
    options = "-output_ts_offset 3.2 -movflags use_metadata_tags -use_editlist 0"
    yield _copied(shop, "no_edit_list.mp4", "H.264, B-frames", "B-frames, no edit list", "", options, **known)
    for codec in ("H.264", "H.264, B-frames", "MPEG-2, B-frames"):
        for kind in ("ts", "m2ts"):
            name = f"clock_wraps_{_slug(codec)}.{kind}"
            yield _copied(shop, name, codec, "clock wraps", "", "-output_ts_offset 95441.7", **known)
    even = np.arange(COUNT) / FPS
    rates = {
        "30 to 10 frames/s": np.concatenate([np.arange(60) / 30, 2 + np.arange(60) / 10]),
        "25 to 5 to 50 frames/s": np.concatenate(
            [np.arange(40) / 25, 1.6 + np.arange(40) / 5, 9.6 + np.arange(40) / 50]
        ),
        "a pause of 4 s": even + 4 * (np.arange(COUNT) >= 60),
    }
    for structure, times in rates.items():
        for codec, kind in (
            *(("H.264", "mp4"), ("H.264, B-frames", "mp4"), ("H.264, B-frames", "mkv"), ("H.264, B-frames", "ts")),
            *(("H.265, closed", "mp4"), ("VP8", "webm"), ("VP9", "webm"), ("MPEG-4", "mkv"), ("MJPEG", "mkv")),
            *(("H.264", "fragmented.mp4"), ("AV1", "webm")),
        ):
            case = Case(f"vfr_{_slug(structure)}_{_slug(codec)}.{kind}", codec, structure, lambda path: None)
            yield _times(case, times, shop, _CODECS[codec], kind)
    for kind, sources in {"mkv": ("H.264", "VP8", "MJPEG"), "webm": ("VP8",)}.items():
        for codec in sources:
            times = even.copy()
            times[[30, 71]] = times[[29, 70]]
            yield Case(
                *(f"double_stamps_{_slug(codec)}.{kind}", codec, "two double stamps"),
                partial(_double, shop, _CODECS[codec], kind),
                numbers=range(COUNT),
                times=times.tolist(),
            )


def _double(shop: Workshop, coding: str, kind: str, path: Path) -> None:
    whole = shop.part(f"single-{path.name}")
    shop.encode(whole, f"{coding} -f {_CONTAINERS[kind]}")
    copy_packets([whole], path, stamp=lambda index, stamp: stamp - 40 if index in (30, 71) else stamp)


def _turned(shop: Workshop) -> Iterator[Case]:
    known = {"numbers": range(COUNT), "times": [index / FPS for index in range(COUNT)]}
    for codec in ("H.264", "H.264, B-frames", "H.265, open", "MPEG-4", "MJPEG"):
        for kind in ("mp4", "mov", "mkv"):
            for quarters in (1, 2, 3):

                def write(path: Path, codec: str = codec, kind: str = kind, quarters: int = quarters) -> None:
                    first = path if kind != "mkv" else shop.part(f"{path.stem}.mp4")
                    shop.encode(first, f"{_CODECS[codec]} -f {_CONTAINERS['mov' if kind == 'mov' else 'mp4']}")
                    turn(first, quarters)
                    if kind == "mkv":  # by PyAV: FFmpeg 5.1 does not write it into Matroska
                        copy_packets([first], path)

                name = f"turned_{90 * quarters}_{_slug(codec)}.{kind}"
                shown = SIZE if quarters == 2 else SIZE[::-1]
                yield Case(name, codec, f"turned by {90 * quarters}°", write, shown=shown, **known)


def _tracks(shop: Workshop) -> Iterator[Case]:
    """More than one stream; index and length never written."""
    known = {"numbers": range(COUNT), "times": [index / FPS for index in range(COUNT)]}
    coding = _CODECS["H.264"]
    for kind in ("mp4", "mov", "mkv", "ts"):
        for structure, rates, options in (
            ("two tracks, second of more bits", ("34", "12"), "-disposition:v:0 default -disposition:v:1 default"),
            ("two tracks, first of more bits", ("12", "34"), "-disposition:v:0 default -disposition:v:1 default"),
            ("two tracks, first is default", ("34", "12"), "-disposition:v:0 default -disposition:v:1 0"),
            ("two tracks, second is default", ("12", "34"), "-disposition:v:0 0 -disposition:v:1 default"),
        ):

            def write(path: Path, kind: str = kind, rates: Any = rates, options: str = options) -> None:
                parts = [shop.part(f"{number}-{path.stem}.mkv") for number in range(2)]
                for number, (part, crf) in enumerate(zip(parts, rates, strict=True)):
                    shop.encode(part, f"{coding} -crf {crf} -f matroska", first=1000 * number)
                words = f"-i {parts[0]} -i {parts[1]} -map 0:v -map 1:v -c copy {options} -f {_CONTAINERS[kind]}"
                shop.run(words, path)

            yield Case(f"{_slug(structure)}.{kind}", "H.264", structure, write)

        def larger(path: Path, kind: str = kind) -> None:
            parts = [shop.part(f"{number}-{path.stem}.mkv") for number in range(2)]
            for number, part in enumerate(parts):
                shop.encode(part, f"{coding} -f matroska", first=1000 * number, size=[SIZE, (240, 320)][number])
            shop.run(f"-i {parts[0]} -i {parts[1]} -map 0:v -map 1:v -c copy -f {_CONTAINERS[kind]}", path)

        yield Case(f"two_tracks_second_larger.{kind}", "H.264", "two tracks, second larger", larger, shown=(240, 320))
    for kind in ("mp4", "mkv", "mov"):

        def cover(path: Path, kind: str = kind) -> None:
            picture = shop.part("cover.png")
            if not picture.exists():
                shop.encode(picture, "-frames:v 1", size=(300, 300), count=1, first=2000)
            main = shop.part(f"main-{path.stem}.mkv")
            shop.encode(main, f"{coding} -f matroska")
            words = f"-i {picture} -i {main} -map 0:v -map 1:v -c copy -disposition:v:0 attached_pic"
            if kind == "mkv":  # a picture is an attachment there, and no track
                words = f"-i {main} -attach {picture} -metadata:s:t mimetype=image/png -c copy"
            shop.run(f"{words} -f {_CONTAINERS[kind]}", path)

        yield Case(f"cover_first.{kind}", "H.264", "cover picture first", cover, **known)
    for kind, codec in (
        ("mp4", "H.264"),
        ("mkv", "H.264, B-frames"),
        ("ts", "H.264"),
        ("avi", "MPEG-4"),
        ("flv", "H.264"),
    ):
        sound = "mp2" if kind in ("avi", "ts") else "aac"
        for structure, delay, length in (("sound longer than picture", 0.0, 7), ("sound begins before", 0.6, 5)):

            def write(
                path: Path,
                kind: str = kind,
                codec: str = codec,
                sound: str = sound,
                length: int = length,
                delay: float = delay,
            ) -> None:
                part = shop.part(f"silent-{path.stem}.{kind}")
                shop.encode(part, f"{_CODECS[codec]} -f {_CONTAINERS[kind]}")
                words = f"-itsoffset {delay} -i {part} -f lavfi -i sine=duration={length} -map 0:v -map 1:a -c:v copy"
                shop.run(f"{words} -c:a {sound} -f {_CONTAINERS[kind]}", path)

            yield Case(f"{_slug(structure)}_{_slug(codec)}.{kind}", codec, structure, write, **known)
    for codec, kind, more in (
        *(("H.264", "mkv", ""), ("H.264, B-frames", "mkv", ""), ("H.265, open", "mkv", ""), ("VP8", "webm", "")),
        *(
            ("VP9", "webm", ""),
            ("AV1", "webm", ""),
            ("VP8", "webm", " -live 1"),
            ("H.264", "flv", ""),
            ("MPEG-4", "avi", ""),
        ),
        ("H.264", "fragmented.mp4", ""),
    ):
        name = f"piped{'_live' if more else ''}_{_slug(codec)}.{kind}"
        coding_ = f"{_CODECS[codec]}{more}"
        yield _encoded(shop, name, codec, "no index, no length", coding_, pipe=True)
    for codec in ("H.264, B-frames", "H.265, open"):
        yield _encoded(
            shop, f"faststart_{_slug(codec)}.mp4", codec, "index first", f"{_CODECS[codec]} -movflags +faststart"
        )


def _broken(shop: Workshop) -> Iterator[Case]:
    """Joined, holed, cut off."""
    for kind, codec in (
        *(("ts", "H.264"), ("ts", "H.264, B-frames"), ("ts", "MPEG-2, B-frames"), ("mpg", "MPEG-2, B-frames")),
        *(("mpg", "MPEG-1"), ("m2ts", "H.264")),
    ):

        def join(path: Path, kind: str = kind, codec: str = codec) -> None:
            parts = [shop.part(f"{number}-{path.name}") for number in range(2)]
            for number, part in enumerate(parts):
                shop.encode(
                    part, f"{_CODECS[codec]} -f {_CONTAINERS[kind]}", count=COUNT // 2, first=number * COUNT // 2
                )
            path.write_bytes(b"".join(part.read_bytes() for part in parts))

        yield Case(
            *(f"joined_{_slug(codec)}.{kind}", codec, "two streams joined: stamps step back", join),
            numbers=range(COUNT),
            times=[index / FPS for index in range(COUNT)],
            damaged=True,
        )
    left = [index for index in range(COUNT) if not 25 <= index < 75]
    for kind, codec in (
        ("mp4", "H.264"),
        ("mkv", "H.264"),
        ("ts", "H.264"),
        ("mov", "H.264"),
        ("webm", "VP8"),
        ("flv", "H.264"),
    ):

        def hole(path: Path, kind: str = kind, codec: str = codec) -> None:
            whole = shop.part(f"whole-{path.name}")
            shop.encode(whole, f"{_CODECS[codec]} -f {_CONTAINERS[kind]}")
            copy_packets([whole], path, keep=lambda place: not 25 <= place < 75)

        times = [index / FPS for index in left]
        yield Case(f"hole_{_slug(codec)}.{kind}", codec, "50 frames taken out", hole, left, times)
    for kind, codec, part in (
        *(("avi", "MPEG-4", "zeros"), ("avi", "MJPEG", "zeros"), ("avi", "H.264", "zeros"), ("mp4", "H.264", "zeros")),
        *(("mkv", "H.264", "zeros"), ("ts", "H.264", "zeros"), ("mpg", "MPEG-2", "zeros"), ("webm", "VP9", "zeros")),
        *(("avi", "MPEG-4", "end"), ("avi", "H.264", "end"), ("mkv", "H.264", "end"), ("ts", "H.264", "end")),
        *(("mpg", "MPEG-2", "end"), ("flv", "H.264", "end"), ("webm", "VP8", "end"), ("wmv", "WMV2", "end")),
        *(
            ("mp4", "H.264", "end"),
            ("mov", "MJPEG", "end"),
            ("fragmented.mp4", "H.264", "end"),
            ("ogv", "Theora", "end"),
        ),
    ):

        def spoil(path: Path, kind: str = kind, codec: str = codec, part: str = part) -> None:
            faststart = " -movflags +faststart" if kind in ("mp4", "mov") else ""
            shop.encode(path, f"{_CODECS[codec]}{faststart} -f {_CONTAINERS[kind]}")
            data = bytearray(path.read_bytes())
            if part == "end":
                del data[len(data) * 3 // 5 :]
            else:
                middle = slice(len(data) * 2 // 5, len(data) * 3 // 5)
                data[middle] = bytes(middle.stop - middle.start)
            path.write_bytes(bytes(data))

        structure = "a fifth in the middle zeroed" if part == "zeros" else "cut off at three fifths"
        yield Case(f"{part}_{_slug(codec)}.{kind}", codec, structure, spoil, damaged=True)


def all_cases(shop: Workshop) -> Iterator[Case]:
    """Every file of the matrix."""
    for group in (_plain, _coding, _sizes_and_rates, _stamps, _turned, _tracks, _broken):
        yield from group(shop)
