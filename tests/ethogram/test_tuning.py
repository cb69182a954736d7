"""Bout settings chosen on labels are the best of those tried, as `amclip evaluate` counts, and say what to expect."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from drawn_scores import CLASSES, scores_of

from amclip.cli import main
from amclip.data.intervals import Bout, Timeline
from amclip.ethogram.agreement import agreement
from amclip.ethogram.annotation_file import Scoring
from amclip.ethogram.annotations import Annotation
from amclip.ethogram.bouts import BoutSettings, ScoreTimeline, find_bouts, timeline
from amclip.ethogram.outputs import write_outputs
from amclip.ethogram.pairing import pair_up
from amclip.ethogram.settings import bout_settings
from amclip.ethogram.tuning import Tried, Tuned, tune_bouts

TRIED = Tried(0.5, (0.0, 0.2, 0.3), (0.0, 0.2, 0.4), (0.0,), least_bouts=2)
AT_HAND = dict.fromkeys(CLASSES, BoutSettings(0.5))


def labels_of(curves: list[ScoreTimeline], settings: BoutSettings) -> Annotation:
    """What the curves show when they are cut like this: labels that some settings find without a fault."""
    lines = []
    for curve in curves:
        bouts = tuple(
            Bout(bout.start, bout.stop, bout.behaviour, subject=bout.subject)
            for bout in find_bouts(curve, dict.fromkeys(curve.classes, settings))
        )
        subjects = (curve.subject,) if curve.subject else ()
        lines.append(Timeline(curve.video, bouts, float(curve.edges[-1]), subjects=subjects))
    return Annotation("labels", CLASSES, tuple(lines))


def by_name(tuned: list[Tuned]) -> dict[str, Tuned]:
    return {one.behaviour: one for one in tuned}


@pytest.mark.parametrize(
    "right",
    [BoutSettings(0.35), BoutSettings(0.65), BoutSettings(0.4, None, 0.3, 0.2), BoutSettings(0.5, None, 0, 0.4)],
)
def test_the_settings_that_labels_were_made_with_are_found(right: BoutSettings) -> None:
    curves = [timeline(scores_of(f"{seed}.mp4", 200, seed=seed)) for seed in range(3)]
    labels = labels_of(curves, right)
    tuned, notes = tune_bouts(curves, labels, AT_HAND, TRIED)
    assert notes == []
    for one in tuned:
        assert one.after == 1
        assert one.before <= one.after
        assert one.left_out <= one.after
        assert one.left_out > 0.9  # the same settings are right for every video
        cut = {**AT_HAND, one.behaviour: one.settings}
        found = [Bout(b.start, b.stop, b.behaviour) for curve in curves for b in find_bouts(curve, cut)]
        assert len([bout for bout in found if bout.label == one.behaviour]) == one.labelled_bouts


def test_f1_is_what_evaluate_counts() -> None:
    curves = [timeline(scores_of(f"{seed}.mp4", 200, seed=seed)) for seed in range(3)]
    other = [timeline(scores_of(f"{seed}.mp4", 200, seed=seed + 3)) for seed in range(3)]
    labels = labels_of(other, BoutSettings(0.5, None, 0.5))
    tuned, _ = tune_bouts(curves, labels, AT_HAND, TRIED)
    for settings, name in ((AT_HAND, "before"), ({one.behaviour: one.settings for one in tuned}, "after")):
        lines = [
            Timeline(
                curve.video,
                tuple(Bout(bout.start, bout.stop, bout.behaviour) for bout in find_bouts(curve, settings)),
                float(curve.edges[-1]),
            )
            for curve in curves
        ]
        pairs, classes, _ = pair_up(Annotation("cut", CLASSES, tuple(lines)), labels)
        for counted in agreement(pairs, classes, 25.0).classes:
            assert getattr(by_name(tuned)[counted.behaviour], name) == pytest.approx(counted.bout_f1(0.5), nan_ok=True)


def test_left_out_is_the_f1_of_settings_chosen_on_the_other_videos() -> None:
    """Two videos whose right thresholds differ: what is best on one finds another number of bouts in the other."""
    curves = [timeline(scores_of(f"{seed}.mp4", 400, seed=seed)) for seed in range(2)]
    lines = [
        labels_of([curve], BoutSettings(threshold)).timelines[0]
        for curve, threshold in zip(curves, (0.2, 0.8), strict=True)
    ]
    labels = Annotation("labels", CLASSES, tuple(lines))
    whole = by_name(tune_bouts(curves, labels, AT_HAND, TRIED)[0])
    for name in CLASSES:
        matched = found = true = 0
        for own, other in ((0, 1), (1, 0)):
            alone = Annotation("labels", CLASSES, (labels.timelines[other],))
            chosen = by_name(tune_bouts([curves[other]], alone, AT_HAND, TRIED)[0])[name].settings
            held = Annotation("labels", CLASSES, (labels.timelines[own],))
            of_own = by_name(tune_bouts([curves[own]], held, {**AT_HAND, name: chosen}, Tried(least_bouts=10**6))[0])
            bouts = [b for b in find_bouts(curves[own], {**AT_HAND, name: chosen}) if b.behaviour == name]
            found += len(bouts)
            true += of_own[name].labelled_bouts
            matched += round(of_own[name].before * (len(bouts) + of_own[name].labelled_bouts) / 2)
        assert whole[name].left_out == pytest.approx(2 * matched / (found + true))
        assert whole[name].left_out < whole[name].after


def test_too_few_bouts_change_nothing_and_one_video_tells_nothing_of_others() -> None:
    curve = timeline(scores_of("a.mp4", 200, seed=1))
    labels = labels_of([curve], BoutSettings(0.3))
    tuned, _ = tune_bouts([curve], labels, AT_HAND, TRIED)
    assert all(math.isnan(one.left_out) for one in tuned)
    assert any(one.settings != AT_HAND[one.behaviour] for one in tuned)
    kept, _ = tune_bouts([curve], labels, AT_HAND, Tried(least_bouts=1000))
    assert {one.behaviour: one.settings for one in kept} == AT_HAND
    assert all(one.before == one.after for one in kept)
    with pytest.raises(ValueError, match="no video is in both"):
        tune_bouts([curve], Annotation("labels", CLASSES, (Timeline("b.mp4", (), 5.0),)), AT_HAND, TRIED)
    for wrong in ({"overlap": 0.0}, {"overlap": 1.5}, {"least_bouts": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Tried(**wrong)  # type: ignore[arg-type]


def test_animals_are_told_apart_where_labels_name_them() -> None:
    curves = [timeline(scores_of("a.mp4", 300, seed=seed, subject=who)) for seed, who in enumerate(("ann", "bob"))]
    lines = labels_of(curves, BoutSettings(0.4)).timelines
    bouts = tuple(bout for line in lines for bout in line.bouts)
    labels = Annotation("labels", CLASSES, (Timeline("a.mp4", bouts, lines[0].duration, subjects=("ann", "bob")),))
    each, _ = tune_bouts(curves, labels, AT_HAND, TRIED)
    assert all(one.after == 1 for one in each)
    merged, _ = tune_bouts(curves, labels, AT_HAND, TRIED, subjects="merged")
    assert all(one.after == 1 for one in merged)
    assert all(one.labelled_bouts > other.labelled_bouts for one, other in zip(each, merged, strict=True))
    swapped = [curves[1], curves[0]]
    # By name, whatever the order; written, since values that are no number equal nothing.
    assert repr(tune_bouts(swapped, labels, AT_HAND, TRIED)[0]) == repr(each)


def test_the_command_writes_what_annotate_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = [scores_of(f"{seed}.mp4", 120, seed=seed) for seed in range(2)]
    write_outputs(tmp_path / "run", iter(scores), AT_HAND, Scoring("best.ckpt", 0.4, 0.2))
    right = dict.fromkeys(CLASSES, BoutSettings(0.3, None, 0.2))
    with (tmp_path / "events.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "behaviour", "start", "stop"])
        for one in map(timeline, scores):
            writer.writerows([b.video, b.behaviour, b.start, b.stop] for b in find_bouts(one, right))
    words = ["tune", str(tmp_path / "run"), str(tmp_path / "events.csv"), "--output", str(tmp_path / "bouts.yaml")]
    main([*words, "--least_bouts", "2"])
    told = capsys.readouterr().out
    assert "--settings" in told
    assert "1.00" in told
    held = yaml.safe_load((tmp_path / "bouts.yaml").read_text())
    assert set(held["classes"]) == set(CLASSES)
    cut = bout_settings(CLASSES, None, tmp_path / "bouts.yaml")
    for one in map(timeline, scores):
        assert len(find_bouts(one, cut)) == len(find_bouts(one, right))
    assert not np.isclose(cut["walking"].threshold, 0.5)
    before = (tmp_path / "events.csv").read_bytes()
    with pytest.raises(SystemExit):
        main([*words[:-1], str(tmp_path / "events.csv")])
    assert (tmp_path / "events.csv").read_bytes() == before
