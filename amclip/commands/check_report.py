"""What a check of a data set found, on the screen and as a file."""

import csv
import json
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from amclip.atomic import writing_text
from amclip.data.label_error import LabelError
from amclip.data.split_names import SPLITS
from amclip.text import counted, printable, text_cell

__all__ = ["Coverage", "Finding", "Report", "report_table_errors"]

_EXAMPLES = 5


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: Heading it is listed under.
        fatal: Whether training would be wrong; otherwise a warning.
        subject: The video, class or split.
        detail: What is wrong with it, with the values seen.
        line: Line of the label table, where one line is meant.
        file: The label table, where there are several.
    """

    kind: str
    fatal: bool
    subject: str
    detail: str
    line: int | None = None
    file: str | None = None


@dataclass(frozen=True)
class Coverage:
    """How much of an animal's labels has a track.

    Attributes:
        subject: The animal; ``""`` where clips name none.
        clips: Clips that are labelled.
        tracked: Those in which it is there as long as training asks for.
        seconds: Length of the clips together.
        seconds_tracked: How much of it the animal is there.
    """

    subject: str
    clips: int = 0
    tracked: int = 0
    seconds: float = 0.0
    seconds_tracked: float = 0.0

    def plus(self, seconds: float, share: float, tracked: bool) -> "Coverage":
        """With one more clip, in a share of which the animal is there."""
        return Coverage(
            self.subject,
            self.clips + 1,
            self.tracked + tracked,
            self.seconds + seconds,
            self.seconds_tracked + seconds * share,
        )


@dataclass(frozen=True)
class Report:
    """What a check found.

    Attributes:
        source: The label table.
        num_clips: Rows.
        num_videos: Different videos.
        seconds: Length of the readable videos together.
        classes: Class → split → number of clips; clips without a split are under ``"-"``.
        findings: All that is wrong, fatal ones first.
        rates: The videos' frame rates in words, where they differ and flow is computed; else empty.
        tracked: For each animal how much of its labels has a track, where tracks are given.
    """

    source: str
    num_clips: int
    num_videos: int
    seconds: float
    classes: Mapping[str, Mapping[str, int]]
    findings: tuple[Finding, ...] = field(default=())
    rates: str = ""
    tracked: tuple[Coverage, ...] = ()

    @property
    def fatal(self) -> bool:
        """Whether training on this would be wrong."""
        return any(finding.fatal for finding in self.findings)

    def __rich__(self) -> RenderableType:
        """For ``rich.print(report)``: a section per kind of problem with the first examples, then the classes."""
        source = printable(self.source)
        size = f"{counted(self.num_clips, 'clip')} in {counted(self.num_videos, 'video')}, {_length(self.seconds)}"
        parts: list[RenderableType] = [Text(f"{source}: {size}\n" if self.num_clips else f"{source}\n")]
        if self.rates:
            parts.append(Text(f"{self.rates}\n"))
        kinds: dict[tuple[str, bool], list[Finding]] = defaultdict(list)
        for finding in self.findings:
            kinds[finding.kind, finding.fatal].append(finding)
        for (kind, fatal), findings in kinds.items():
            style = "bold red" if fatal else "yellow"
            parts.append(Text(f"{'error' if fatal else 'warning'}: {kind} ({len(findings)})", style=style))
            for finding in findings[:_EXAMPLES]:
                place = ", ".join(part for part in (finding.file, finding.line and f"line {finding.line}") if part)
                where = f"  {place}: " if place else "  "
                parts.append(Text(printable(f"{where}{finding.subject}: {finding.detail}")))
            if len(findings) > _EXAMPLES:
                parts.append(Text(f"  and {len(findings) - _EXAMPLES} more", style="dim"))
            parts.append(Text(""))
        if self.classes:
            parts.append(self._class_table())
        if self.tracked:
            parts.append(self._track_table())
        verdict = "training on this would be wrong" if self.fatal else "no errors"
        warnings = sum(not finding.fatal for finding in self.findings)
        parts.append(Text(f"{verdict}; {counted(warnings, 'warning')}", style="red" if self.fatal else "green"))
        return Group(*parts)

    def _class_table(self) -> Table:
        splits = _present(self.classes)
        table = Table(title="clips per class", title_justify="left", box=None)
        table.add_column("class")
        for split in splits:
            table.add_column("no split" if split == "-" else split, justify="right")
        for name, counts in self.classes.items():
            table.add_row(Text(name), *(str(counts.get(split, 0)) for split in splits))
        return table

    def _track_table(self) -> Table:
        table = Table(title="labels with a track", title_justify="left", box=None)
        table.add_column("animal")
        for column in ("clips", "with a track", "seconds", "with a track"):
            table.add_column(column, justify="right")
        for one in self.tracked:
            seconds = f"{one.seconds:.1f}", f"{one.seconds_tracked:.1f}"
            name = printable(one.subject) or "(not named)"
            table.add_row(Text(name), str(one.clips), str(one.tracked), *seconds)
        return table

    def show(self, console: Console | None = None) -> None:
        """Print the report."""
        (console or Console()).print(self)

    def write_report(self, path: str | os.PathLike[str]) -> Path:
        """Write every finding: as JSON with the class table where the name ends in ``.json``, else as CSV."""
        target = Path(path)
        if target.suffix.lower() == ".json":
            content = {**asdict(self), "fatal": self.fatal}
            with writing_text(target) as file:
                file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
            return target
        with writing_text(target) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["severity", "kind", "file", "line", "subject", "detail"])
            for finding in self.findings:
                severity = "error" if finding.fatal else "warning"
                place = (finding.file or "", finding.line or "")
                said = (text_cell(finding.subject), text_cell(finding.detail))
                writer.writerow([severity, finding.kind, *place, *said])
        return target


def report_table_errors(error: LabelError) -> Report:
    """Report of a table that cannot be used at all; its videos are not checked."""
    errors = (error, *error.others)
    files = list(dict.fromkeys(one.file for one in errors if one.file))
    findings = [
        Finding(
            "rows that cannot be used",
            True,
            f"column {one.column!r}" if one.column else "row",
            one.reason,
            one.line,
            one.file if len(files) > 1 else None,
        )
        for one in errors
    ]
    return Report(", ".join(files) or "table", 0, 0, 0.0, {}, tuple(findings))


def _present(classes: Mapping[str, Mapping[str, int]]) -> list[str]:
    used = {split for counts in classes.values() for split in counts}
    return [split for split in (*SPLITS, "-") if split in used]


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
