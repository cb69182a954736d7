"""Files of the video matrix that do not differ in their coding: stamps, edit lists, turns, tracks, damage."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numbered_files import copy_packets, turn
from numbered_videos import COUNT, FPS, SIZE, Case, Workshop
from video_codings import CODECS, CONTAINERS, ENDLESS, encoded, slug

__all__ = ["structures"]


def _copied(shop: Workshop, name: str, codec: str, structure: str, before: str, after: str, **more: Any) -> Case:
    """A file written, and copied with options of ffmpeg before and behind the input."""
    kind = name.split(".", 1)[1]
    coding, source_kind = more.pop("coding", CODECS[codec]), more.pop("source", kind)

    def write(path: Path) -> None:
        whole = shop.part(f"whole-{path.stem}.{source_kind.rsplit('.', 1)[-1]}")
        shop.encode(whole, f"{coding} -f {CONTAINERS[source_kind]}")
        shop.run(f"{before} -i {whole} -c copy {after} -f {CONTAINERS[kind]}", path)

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
        shop.encode(path, f"{filters} {coding} -f {CONTAINERS[kind]}")

    return Case(structure.name, structure.codec, structure.structure, write, range(COUNT), (times - times[0]).tolist())


def _stamps(shop: Workshop) -> Iterator[Case]:
    """Edit lists, offsets, variable rates, stamps of a kind of their own."""
    for codec in ("H.264", "H.264, B-frames", "H.265, closed", "H.265, open", "MPEG-4", "MPEG-4, B-frames", "AV1"):
        for kind in ("mp4",) if (codec, "mov") in ENDLESS else ("mp4", "mov"):
            for cut in (40, 13):
                yield _copied(
                    *(shop, f"trimmed_{cut}_{slug(codec)}.{kind}", codec, f"edit list: begins {cut % 25} after a key"),
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
            name = f"starts_late_{slug(codec)}.{kind}"
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
            name = f"clock_wraps_{slug(codec)}.{kind}"
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
            case = Case(f"vfr_{slug(structure)}_{slug(codec)}.{kind}", codec, structure, lambda path: None)
            yield _times(case, times, shop, CODECS[codec], kind)
    for kind, sources in {"mkv": ("H.264", "VP8", "MJPEG"), "webm": ("VP8",)}.items():
        for codec in sources:
            times = even.copy()
            times[[30, 71]] = times[[29, 70]]
            yield Case(
                *(f"double_stamps_{slug(codec)}.{kind}", codec, "two double stamps"),
                partial(_double, shop, CODECS[codec], kind),
                numbers=range(COUNT),
                times=times.tolist(),
            )


def _double(shop: Workshop, coding: str, kind: str, path: Path) -> None:
    whole = shop.part(f"single-{path.name}")
    shop.encode(whole, f"{coding} -f {CONTAINERS[kind]}")
    copy_packets([whole], path, stamp=lambda index, stamp: stamp - 40 if index in (30, 71) else stamp)


def _turned(shop: Workshop) -> Iterator[Case]:
    known = {"numbers": range(COUNT), "times": [index / FPS for index in range(COUNT)]}
    for codec in ("H.264", "H.264, B-frames", "H.265, open", "MPEG-4", "MJPEG"):
        for kind in ("mp4", "mov", "mkv"):
            for quarters in (1, 2, 3):

                def write(path: Path, codec: str = codec, kind: str = kind, quarters: int = quarters) -> None:
                    first = path if kind != "mkv" else shop.part(f"{path.stem}.mp4")
                    shop.encode(first, f"{CODECS[codec]} -f {CONTAINERS['mov' if kind == 'mov' else 'mp4']}")
                    turn(first, quarters)
                    if kind == "mkv":  # by PyAV: FFmpeg 5.1 does not write it into Matroska
                        copy_packets([first], path)

                name = f"turned_{90 * quarters}_{slug(codec)}.{kind}"
                shown = SIZE if quarters == 2 else SIZE[::-1]
                yield Case(name, codec, f"turned by {90 * quarters}°", write, shown=shown, **known)


def _tracks(shop: Workshop) -> Iterator[Case]:
    """More than one stream; index and length never written."""
    known = {"numbers": range(COUNT), "times": [index / FPS for index in range(COUNT)]}
    coding = CODECS["H.264"]
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
                words = f"-i {parts[0]} -i {parts[1]} -map 0:v -map 1:v -c copy {options} -f {CONTAINERS[kind]}"
                shop.run(words, path)

            yield Case(f"{slug(structure)}.{kind}", "H.264", structure, write)

        def larger(path: Path, kind: str = kind) -> None:
            parts = [shop.part(f"{number}-{path.stem}.mkv") for number in range(2)]
            for number, part in enumerate(parts):
                shop.encode(part, f"{coding} -f matroska", first=1000 * number, size=[SIZE, (240, 320)][number])
            shop.run(f"-i {parts[0]} -i {parts[1]} -map 0:v -map 1:v -c copy -f {CONTAINERS[kind]}", path)

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
            shop.run(f"{words} -f {CONTAINERS[kind]}", path)

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
                shop.encode(part, f"{CODECS[codec]} -f {CONTAINERS[kind]}")
                words = f"-itsoffset {delay} -i {part} -f lavfi -i sine=duration={length} -map 0:v -map 1:a -c:v copy"
                shop.run(f"{words} -c:a {sound} -f {CONTAINERS[kind]}", path)

            yield Case(f"{slug(structure)}_{slug(codec)}.{kind}", codec, structure, write, **known)
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
        name = f"piped{'_live' if more else ''}_{slug(codec)}.{kind}"
        coding_ = f"{CODECS[codec]}{more}"
        yield encoded(shop, name, codec, "no index, no length", coding_, pipe=True)
    for codec in ("H.264, B-frames", "H.265, open"):
        yield encoded(
            shop, f"faststart_{slug(codec)}.mp4", codec, "index first", f"{CODECS[codec]} -movflags +faststart"
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
                shop.encode(part, f"{CODECS[codec]} -f {CONTAINERS[kind]}", count=COUNT // 2, first=number * COUNT // 2)
            path.write_bytes(b"".join(part.read_bytes() for part in parts))

        yield Case(
            *(f"joined_{slug(codec)}.{kind}", codec, "two streams joined: stamps step back", join),
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
            shop.encode(whole, f"{CODECS[codec]} -f {CONTAINERS[kind]}")
            copy_packets([whole], path, keep=lambda place: not 25 <= place < 75)

        times = [index / FPS for index in left]
        yield Case(f"hole_{slug(codec)}.{kind}", codec, "50 frames taken out", hole, left, times)
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
            shop.encode(path, f"{CODECS[codec]}{faststart} -f {CONTAINERS[kind]}")
            data = bytearray(path.read_bytes())
            if part == "end":
                del data[len(data) * 3 // 5 :]
            else:
                middle = slice(len(data) * 2 // 5, len(data) * 3 // 5)
                data[middle] = bytes(middle.stop - middle.start)
            path.write_bytes(bytes(data))

        structure = "a fifth in the middle zeroed" if part == "zeros" else "cut off at three fifths"
        yield Case(f"{part}_{slug(codec)}.{kind}", codec, structure, spoil, damaged=True)


def structures(shop: Workshop) -> Iterator[Case]:
    """All of them."""
    for group in (_stamps, _turned, _tracks, _broken):
        yield from group(shop)
