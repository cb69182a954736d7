"""The page that the video matrix writes."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["write_table"]


def write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the page.

    Args:
        path: The page.
        rows: What was found of each file: the fields of ``video_matrix.Row``, and ``is_right``.
    """
    written = [row for row in rows if not row["skipped"]]
    sound = [row for row in written if not row["damaged"]]
    seen = [row for row in written if row["commands"]]
    ffmpeg = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True).stdout.split()[2]
    parts = [
        "# The right frame at the right time: container × codec × structure\n",
        f"Written by `docs/benchmarks/video_matrix.py` with PyAV {version('av')}; held "
        f"against ffmpeg's command line ({ffmpeg.split('-')[0]}), OpenCV {version('opencv-contrib-python')} and what "
        f"the files were made of, on {os.cpu_count()} cores of {platform.machine()}. Frames show their number; a frame "
        "is wrong where it shows another one than the reference at its place. Random reading is frame by frame, in "
        "shuffled order, and in sorted batches over the whole file; times may differ by a millisecond. A sample is 16 "
        "of 32 frames in a row at 224 × 224, in milliseconds of processor time.\n",
        _totals(written, sound, seen),
        "## What is not right\n",
        _details(written),
        "## All files\n",
        _table(written),
        "## Damaged files\n",
        "Readers differ in what they give of damaged bytes. Frames are compared where the reference shows a number; "
        "where counts differ, by time.\n",
        _table([row for row in written if row["damaged"]], damaged=True),
        "## What the commands see\n",
        _commands(seen),
        "## Where the references disagree\n",
        *(f"* `{row['name']}`: {row['remark']}." for row in written if row["remark"]),
        "\n## What could not be written\n",
        _skipped(row for row in rows if row["skipped"]),
    ]
    path.write_text("\n".join(parts).rstrip() + "\n")


def _totals(written: Sequence[Any], sound: Sequence[Any], seen: Sequence[Any]) -> str:
    def count(rows: Iterable[Any], test: Any) -> int:
        return sum(bool(test(row)) for row in rows)

    frames = sum(row["read"] for row in sound)
    lines = ["| | files |", "|---|---|", f"| written and read by a reference | {len(written)} |"]
    lines += [f"| of these whole | {len(sound)} |"]
    tests = {
        "right in everything": lambda row: row["is_right"],
        "wrong frames in random reading": lambda row: row["random"] or row["batch"],
        "wrong frames in sequence": lambda row: row["order"],
        "wrong count": lambda row: row["found"] is not None and row["found"] != row["right"],
        "times off by more than a millisecond": lambda row: (row["late"] or 0) > 1.05e-3,
        "turned, or sides said wrong": lambda row: row["turned"],
        "refused": lambda row: row["refused"],
        "an error while reading": lambda row: row["errors"],
    }
    lines += [f"| whole: {name} | {count(sound, test)} |" for name, test in tests.items()]
    differing = count(seen, lambda row: any(what != "right" for what in row["commands"].values()))
    lines.append(f"| compared through the commands | {len(seen)} |")
    lines.append(f"| of these with a command that sees something else | {differing} |")
    wrong = sum((row["random"] or 0) + (row["batch"] or 0) + (row["order"] or 0) for row in sound)
    return "\n".join(lines) + f"\n\nFrames read of whole files: {frames:,}; others than asked for: {wrong:,}.\n"


def _name(row: Any) -> str:
    return f"`{row['name'].split('.', 1)[1]}` | {row['codec']} | {row['structure']}"


def _details(written: Sequence[Any]) -> str:
    lines = []
    for row in written:
        bad = [f"{name}: {what}" for name, what in row["commands"].items() if what != "right"]
        if (row["is_right"] and not bad) or row["damaged"]:
            continue
        told = [row["refused"] and f"refused: {row['refused']}", row["note"], row["turned"], *row["errors"], *bad]
        far = f"by up to {row['farthest']} frames" if row["farthest"] else ""
        text = "; ".join(_plain(what) for what in (far, *told) if what)
        lines.append(f"* `{row['name']}` ({row['codec']}, {row['structure']}): {text or 'see the table'}.")
    return "\n".join(lines or ["Nothing."]) + "\n"


def _plain(text: str) -> str:
    text = re.sub(r"\S*/matrix-\w+/", "", text)  # the folder they were written to
    return " ".join(text.replace("|", "/").split())


def _table(rows: Sequence[Any], damaged: bool = False) -> str:
    lines = [
        "| container | codec | structure | frames | wrong at random | in batches | in order | times off, ms | "
        "way up | ms per sample |" + (" said |" if damaged else ""),
        "|---|---|---|---|---|---|---|---|---|---|" + ("---|" if damaged else ""),
    ]
    for row in rows:
        if row["damaged"] != damaged:
            continue
        said = f" {_plain(row['refused'] or row['note'] or '; '.join(row['errors']))} |" if damaged else ""
        if row["refused"]:
            lines.append(f"| {_name(row)} | refused, {row['right']} | | | | | | |{said}")
            continue
        found = f"{row['found']}" if row["found"] == row["right"] else f"**{row['found']}** of {row['right']}"
        wrong = ["–" if row[key] is None else _loud(row[key]) for key in ("random", "batch", "order")]
        late = "–" if row["late"] is None else _loud(round(1e3 * row["late"], 1), row["late"] > 1.05e-3)
        sample = "–" if row["milliseconds"] is None else f"{row['milliseconds']:.0f}"
        lines.append(
            f"| {_name(row)} | {found} | {' | '.join(wrong)} | {late} | {row['turned'] or 'right'} | {sample} |{said}"
        )
    return "\n".join(lines) + "\n"


def _loud(value: float, loud: bool | None = None) -> str:
    text = f"{value:g}"
    return f"**{text}**" if (bool(value) if loud is None else loud) else text


def _commands(seen: Sequence[Any]) -> str:
    if not seen:
        return "Not compared.\n"
    names = list(seen[0]["commands"])
    lines = [f"| file | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for row in seen:
        cells = (_plain(row["commands"][name]) for name in names)
        lines += [f"| `{row['name']}` | {' | '.join(cells)} |"]
    return "\n".join(lines) + "\n"


def _skipped(rows: Iterable[Any]) -> str:
    lines = ["| file | why |", "|---|---|"]
    return "\n".join(lines + [f"| `{row['name']}` | {_plain(row['skipped'])} |" for row in rows]) + "\n"
