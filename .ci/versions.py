"""The versions of what pyproject.toml names in one or more environments, as a table of Markdown.

usage: python versions.py ENVIRONMENT...: folders made by venv or uv, in which amclip is installed; see .ci/dependencies
"""

import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

#: Without an extra, and for `amclip export`: what users run. The rest of `dev` is not in the table.
EXTRAS = ("", "export", "lora", "tracks", "nwb")


def main(folders: list[str]) -> None:
    """Print a row for each dependency: its bounds, and the version in each environment."""
    found = [_installed(Path(folder)) for folder in folders]
    pythons = [_python(Path(folder)) for folder in folders]
    print(f"| | bounds | {' | '.join(f'Python {python}' for python in pythons)} |")
    print("|---|---|" + "---|" * len(folders))
    asked: dict[str, str] = {}
    for text in found[0]["amclip"].requires or []:
        one = Requirement(text)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in EXTRAS):
            asked.setdefault(one.name, str(one.specifier))
    for name, bounds in asked.items():
        versions = [packages[_plain(name)].version if _plain(name) in packages else "" for packages in found]
        print(f"| {name} | {bounds} | {' | '.join(versions)} |")


def _installed(folder: Path) -> dict[str, Distribution]:
    sites = [str(site) for site in (*folder.glob("lib/python3.*/site-packages"), *folder.glob("Lib/site-packages"))]
    return {_plain(one.metadata["Name"]): one for one in distributions(path=sites)}


def _python(folder: Path) -> str:
    said = re.search(r"^version(?:_info)? *= *(\S+)", (folder / "pyvenv.cfg").read_text(encoding="utf-8"), re.M)
    return said[1] if said else "unknown"


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main(sys.argv[1:])
