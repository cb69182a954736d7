import numpy as np

from amclip.ethogram.bouts import BoutSettings
from amclip.live.bouts import LiveBouts
from amclip.live.ring import Counts
from amclip.live.windows import LatencyParts, LiveWindow

CLASSES = ("resting", "grooming")


def window(*probabilities: float, number: int = 0, gap: bool = False) -> LiveWindow:
    return LiveWindow(
        number=number,
        start=0.5 * number,
        stop=0.5 * number + 2,
        probabilities=np.array(probabilities, np.float32),
        arrived=1.7e9 + number,
        latency=0.04,
        parts=LatencyParts(0.01, 0.01, 0.02),
        counts=Counts(60 + number, 3, 1, 1),
        gap=gap,
    )


def told(bouts: LiveBouts, given: LiveWindow) -> list[tuple[str, str, str]]:
    return [(one.change, one.behaviour, one.reason) for one in bouts.update(given)]


def settings() -> dict[str, BoutSettings]:
    return {"resting": BoutSettings(0.5), "grooming": BoutSettings(0.8, 0.4, smoothing=3, minimum_bout=9)}


def test_bouts_begin_at_the_threshold_and_end_below_the_lower_one() -> None:
    bouts = LiveBouts(CLASSES, settings())
    assert told(bouts, window(0.2, 0.7)) == []
    assert told(bouts, window(0.5, 0.9)) == [
        ("start", "resting", "probability"),
        ("start", "grooming", "probability"),
    ]
    assert bouts.on == ["resting", "grooming"]
    assert told(bouts, window(0.4, 0.41)) == [("stop", "resting", "probability")]
    assert told(bouts, window(0.4, 0.39)) == [("stop", "grooming", "probability")]
    assert bouts.begun == {"resting": 1, "grooming": 1}
    assert bouts.on == []


def test_bouts_end_where_frames_were_missing_and_where_the_network_gives_no_number() -> None:
    bouts = LiveBouts(CLASSES, settings())
    bouts.update(window(0.9, 0.9))
    assert told(bouts, window(0.9, 0.1, gap=True)) == [
        ("stop", "resting", "no frames"),
        ("stop", "grooming", "no frames"),
        ("start", "resting", "probability"),
    ]
    assert told(bouts, window(float("nan"), float("nan"))) == [("stop", "resting", "probability")]
    bouts.update(window(0.9, 0.9))
    assert [one.behaviour for one in bouts.end("end")] == ["resting", "grooming"]
    assert bouts.end("end") == []
