"""`amclip check`: which data set its words and config files describe, and what becomes of the report."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from amclip.atomic import refuse_overwriting
from amclip.commands.check import check_data
from amclip.commands.check_report import report_table_errors
from amclip.commands.described_data import described_data
from amclip.commands.settings_words import files_named
from amclip.data.label_error import LabelError
from amclip.text import printable

__all__ = ["run_check"]

CHECK_HELP = """\
usage: amclip check [--config FILE] --data.source.labels TABLE.csv [--data.source.root FOLDER] [--report FILE]
                    [--thorough] [--estimate]

Go over a data set before training: files that are missing, unreadable, empty or too short, times outside a video,
classes without examples, the same recording in two splits; with tracks, how much of each animal's labels has one.
Prints what it finds and the command to train with, writes the whole list, and exits with 1 where training would be
wrong.

  --report FILE   where the list goes: .csv or .json (default: check_report.csv)
  --thorough      decode every video from end to end, which finds damage in the middle of a file
  --estimate      also run a few steps of the training (minutes on a CPU), and say what time and memory all of it takes
                  on this machine, and what would take less; nothing is fetched and nothing stays behind
  --data.source.labels   one table, several "[a.csv,b.csv]", or one per split "{train: a.csv, val: b.csv}"
  others          as for `amclip fit`: the same config and --data options describe the same data set; what a config says
                  of network and training is left to `amclip fit`"""


def run_check(args: list[str]) -> None:
    """`amclip check`: go over a data set as a config describes it; takes what `amclip fit` takes.

    Args:
        args: The words after ``check``; ``--report FILE`` says where the report goes.

    Raises:
        SystemExit: With 1 where training would be wrong.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--report", default="check_report.csv")
    parser.add_argument("--thorough", action="store_true")
    parser.add_argument("--estimate", action="store_true")
    if not args or "-h" in args or "--help" in args:
        print(CHECK_HELP)
        return
    own, rest = parser.parse_known_args(args)
    table = None
    try:
        config, data = described_data(rest)
        refuse_overwriting("--report", own.report, [*files_named(config), *data.label_files])
        table, animals = data.read_table(), data.labels.animals
    except LabelError as error:
        report = report_table_errors(error)
    else:
        if Path(own.report).exists():
            refuse_overwriting("--report", own.report, (data.root_folder / video for video in table.videos()))
        report = check_data(
            table,
            data.root_folder,
            positions=data.input.num_positions,
            flow_gap=data.input.flow.gap_seconds if data.input.needs_flow else None,
            timeout=data.probe_timeout,
            cache=data.cache_dir,
            thorough=own.thorough,
            animals=animals,
        )
    report.show()
    print(f"The whole list is in {report.write_report(own.report)}")
    if report.fatal or table is None:
        print("Mend the errors, the first of them first, and check again; then train.")
        raise SystemExit(1)
    print(printable(f"\nTrain with\n\n  {shlex.join(['amclip', 'fit', *rest])}\n"))
    if own.estimate:
        from amclip.commands.estimate import estimate

        print(printable(estimate(rest, table, data.root_folder.absolute(), data.num_workers)))
        return
    network = _network_named(config)
    print(printable(f"{network}How long that takes: the same `amclip check` with --estimate, which runs a few steps."))


def _network_named(config: Any) -> str:
    """The network, where the settings name it, in words: the defaults' are known to PyTorch's side alone."""
    model = config.get("model") or {}
    model = model.as_dict() if isinstance(model, Namespace) else model
    network = (model.get("init_args") or model).get("network") or {}
    return f"It trains {network['backbone']}. " if network.get("backbone") else ""
