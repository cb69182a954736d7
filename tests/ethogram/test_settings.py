from pathlib import Path

import pytest

from amclip.ethogram.bouts import BoutSettings
from amclip.ethogram.settings import bout_settings

CLASSES = ("walking", "no", "wing")

YAML = """\
default: {smoothing: 0.5, minimum_bout: 0.2}
classes:
  walking: {threshold: 0.6, off_threshold: 0.4}
  no:  # a word that YAML takes for false
    minimum_bout: 1
"""
CSV = """\
behaviour,threshold,off_threshold,smoothing,minimum_bout
default,,,0.5,0.2
walking,0.6,0.4,,
no,,,,1
"""


@pytest.mark.parametrize(("name", "text"), [("bouts.yaml", YAML), ("bouts.csv", CSV)])
def test_one_behaviour_goes_before_all_and_these_before_the_tuned(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert bout_settings(CLASSES, [0.1, 0.2, 0.3], tmp_path / name, minimum_gap=0.7, smoothing=9.0) == {
        "walking": BoutSettings(0.6, 0.4, 0.5, 0.2, 0.7),
        "no": BoutSettings(0.2, None, 0.5, 1.0, 0.7),
        "wing": BoutSettings(0.3, None, 0.5, 0.2, 0.7),
    }


def test_without_a_file_the_tuned_thresholds_hold() -> None:
    assert bout_settings(CLASSES, [0.1, 0.2, 0.3])["no"] == BoutSettings(0.2)
    assert bout_settings(CLASSES) == dict.fromkeys(CLASSES, BoutSettings())
    with pytest.raises(ValueError, match="a threshold for each of 3 behaviours, got 2"):
        bout_settings(CLASSES, [0.1, 0.2])


def test_an_empty_file_says_nothing_and_null_is_no_off_threshold(tmp_path: Path) -> None:
    path = tmp_path / "bouts.yml"
    path.write_text("# nothing yet\nclasses:\n")
    assert bout_settings(CLASSES, path=path) == dict.fromkeys(CLASSES, BoutSettings())
    path.write_text("default: {off_threshold: 0.3}\nclasses: {wing: {off_threshold: null, threshold: null}}")
    assert bout_settings(CLASSES, path=path)["walking"] == BoutSettings(0.5, 0.3)
    assert bout_settings(CLASSES, path=path)["wing"] == BoutSettings()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("b.yaml", "classes: {walkin: {threshold: 0.5}}", "unknown behaviour 'walkin'; did you mean 'walking'"),
        ("b.yaml", "classes: {wing: {treshold: 0.5}}", "b.yaml, wing: unknown setting 'treshold'; there are threshold"),
        ("b.yaml", "classes: {wing: {threshold: high}}", "b.yaml, wing, threshold: 'high' is not a number"),
        ("b.yaml", "classes: {wing: {threshold: [1]}}", "wing, threshold: expected one number"),
        ("b.yaml", "classes: {wing: {threshold: 1.5}}", "b.yaml, wing: threshold: expected a probability"),
        ("b.yaml", "default: {off_threshold: 0.5}", "b.yaml, walking: off_threshold: expected a probability from 0"),
        ("b.yaml", "wing: {threshold: 0.5}", "unknown entry 'wing'; there are 'default' and 'classes'"),
        ("b.yaml", "classes: {wing: {threshold: 0.5}, wing: {}}", "'wing' is there twice"),
        ("b.yaml", "default: {smoothing: 1, smoothing: 2}", "'smoothing' is there twice"),
        ("b.yaml", "- wing", "line 1: expected entries such as"),
        ("b.yaml", "classes: {wing", "b.yaml: is no YAML"),
        ("b.csv", "class,threshold\nwing,0.5\n", "needs a column 'behaviour'; the header is class, threshold"),
        ("b.csv", "behaviour,threshold\nwing,0.5,1\n", "b.csv, line 2: has another number of cells"),
        ("b.csv", "behaviour,threshold\nwing,0.5\nwing,0.6\n", "'wing' is there twice"),
        ("b.csv", "behaviour,threshold\nwing,0,5\n", "another number of cells"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=r".*".join(said.split("; "))) as raised:
        bout_settings(CLASSES, [0.4, 0.4, 0.4], tmp_path / name)
    assert name in str(raised.value)
