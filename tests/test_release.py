"""What a release needs is there and names one version; workflows are files that can be read, and keep no secrets."""

import re
from pathlib import Path

import pytest
import yaml

from amclip.version import __version__

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == __version__
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert citation["license"] == "Apache-2.0"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_have_few_rights_time_limits_and_named_actions(path: Path) -> None:
    text = path.read_text("utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in text
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 120
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert re.fullmatch(r"[\w./-]+@[\w./-]+", step.get("uses", "a@b"))


def test_a_release_is_hashed_attested_and_published_without_a_password() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text("utf-8"))["jobs"]
    build = [str(step) for step in jobs["build"]["steps"]]
    order = [
        next(i for i, step in enumerate(build) if word in step) for word in ("-m build", "sha256sum", "attest-build")
    ]
    assert order == sorted(order)
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["needs"] == "build"


def test_every_dependency_has_a_lowest_version() -> None:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    named = text[text.index("\ndependencies = [") : text.index("\n[project.scripts]")]
    lines = [line.partition("#")[0] for line in named.splitlines()]
    found = re.findall(r'"([^"]+)"', "\n".join(lines))
    assert len(found) > 40
    assert [one for one in found if ">=" not in one] == []  # .ci/dependencies lowest installs these
