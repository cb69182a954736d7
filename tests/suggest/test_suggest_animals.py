"""`amclip suggest` where animals are told apart: which of them, and when."""

import csv
import json
from pathlib import Path

import animals
import numpy as np
import pytest
import untrained

from amclip.cli import main
from amclip.data.tracks import Track, Tracks, write_tracks
from amclip.ethogram.annotation_file import read_run
from amclip.inputs import CropInput
from amclip.report.windows import read_windows


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two animals, their tracks and a network that looks at animals cut out."""
    folder = tmp_path_factory.mktemp("place")
    animals.write_video(folder / "pair.mp4", 2)
    write_tracks(animals.tracks("pair.mp4", ("Ada", "Bo")), folder / "boxes.csv")
    untrained.make_checkpoint(folder, {"crop": CropInput(), "tracks": "boxes.csv"})
    return folder


def run(command: str, place: Path, output: Path, *words: object) -> None:
    given = (place / "pair.mp4", "--checkpoint", place / "model.ckpt", "--window", 0.8, "--output", output)
    main([str(word) for word in (command, *given, *words)])


def suggest(place: Path, output: Path, *words: object) -> list[dict[str, str]]:
    run("suggest", place, output, "--tracks", place / "boxes.csv", *words)
    with (output / "suggestions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_windows_of_every_animal_are_suggested_where_it_is(place: Path, tmp_path: Path) -> None:
    rows = suggest(place, tmp_path / "next", "--count", 50)
    assert list(rows[0]) == ["filepath", "subject", "start", "stop", "uncertainty", "prediction"]
    found = sorted((row["subject"], float(row["start"])) for row in rows)
    # As many as are looked at by annotating, and with what is seen there: the likeliest behaviour is the same.
    run("annotate", place, tmp_path / "run", "--tracks", place / "boxes.csv", "--hop", 0.8)
    likeliest = {}
    for scores in read_windows(read_run(tmp_path / "run")):
        for start, probabilities in zip(scores.start.tolist(), scores.probabilities, strict=True):
            best = int(np.argmax(probabilities))
            likeliest[scores.subject, round(start, 6)] = f"{scores.classes[best]} {probabilities[best]:.2f}"
    assert {name for name, _ in found} == {"Ada", "Bo"}
    assert set(found) <= set(likeliest)
    assert len(found) > len(likeliest) - 3  # of windows that overlap at the end one is suggested
    for row in rows:
        assert row["prediction"].startswith(likeliest[row["subject"], float(row["start"])])
    page = (tmp_path / "next" / "suggest.html").read_text()
    data = json.loads(page.partition('id="run">')[2].partition("</script>")[0])
    assert [(one["subject"], one["start"]) for one in data["suggestions"]] == [
        (row["subject"], pytest.approx(float(row["start"]), abs=1e-6)) for row in rows
    ]
    assert [one["subject"] for one in data["videos"][0]["subjects"]] == ["Ada", "Bo"]
    shown = json.loads(page.partition('id="video-0">')[2].partition("</script>")[0])
    assert all(shown["boxes"])


def test_what_is_labelled_of_one_animal_is_suggested_of_the_other(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("filepath,subject,start,stop,label\npair.mp4,Bo,,,still\npair.mp4,Ada,0,0.8,\n")
    rows = suggest(place, tmp_path / "next", "--count", 50, "--labelled", labels, "--root", place)
    assert {row["subject"] for row in rows} == {"Ada"}
    assert min(float(row["start"]) for row in rows) > 0.5
    assert "2 of 2 labelled clips lie in these videos" in capsys.readouterr().out


def test_a_checkpoint_of_animals_needs_tracks(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("suggest", place, tmp_path / "next")
    assert "--tracks" in capsys.readouterr().err


def test_tracks_that_are_not_of_the_video_are_told(place: Path, tmp_path: Path) -> None:
    (known,) = animals.tracks("pair.mp4", ("Ada", "Bo")).videos.values()
    far = [("pair.mp4", Track(one.subject, one.frames, one.boxes + 5000)) for one in known]
    write_tracks(Tracks.of("", far), tmp_path / "far.csv")
    with pytest.warns(UserWarning, match=r"pair.mp4: 100% of the boxes of 'Ada' lie outside of the image"):
        run("suggest", place, tmp_path / "next", "--tracks", tmp_path / "far.csv")


def test_animals_too_brief_for_any_window_are_a_reason(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (known,) = animals.tracks("pair.mp4", ("Ada", "Bo")).videos.values()
    brief = [("pair.mp4", Track(one.subject, one.frames[:3], one.boxes[:3])) for one in known]
    write_tracks(Tracks.of("", brief), tmp_path / "brief.csv")
    with pytest.raises(SystemExit):
        run("suggest", place, tmp_path / "next", "--tracks", tmp_path / "brief.csv")
    assert "or no animal has boxes in half of the frames of one" in capsys.readouterr().err
