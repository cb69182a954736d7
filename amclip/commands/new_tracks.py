"""Which files of tracks `amclip new` takes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from amclip.data.animals import Animals
from amclip.data.label_error import LabelError
from amclip.data.table import Clip
from amclip.data.tracks import match_videos, read_tracks
from amclip.data.tracks.track_format import TrackFormat
from amclip.data.video import VideoInfo
from amclip.data.video_file import VideoError

__all__ = ["choose_tracks", "words_of"]


def words_of(path: Path, error: Exception) -> str:
    """Why a file cannot be used, with its name."""
    reason = error.reason if isinstance(error, LabelError) else str(error)
    return reason if str(path) in reason else f"{path}: {reason}"


def choose_tracks(
    files: Sequence[tuple[Path, TrackFormat]],
    videos: Mapping[str, VideoInfo],
    pairs: Sequence[tuple[str, str]],
    left_out: list[str],
) -> list[Path]:
    """Files of tracks that have every labelled animal, each video in one file; none where names do not fit.

    Args:
        files: Those there are, with their formats.
        videos: By the names that labels have.
        pairs: Each labelled video with each animal that labels name in it.
        left_out: Gets a sentence for each file that is not used.
    """
    stored = {path.with_suffix("") for path, _ in files if path.suffix in (".h5", ".hdf5")}
    files = [(path, form) for path, form in files if path.suffix != ".csv" or path.with_suffix("") not in stored]
    covered: dict[str, Path] = {}
    taken: list[Path] = []
    for path, form in sorted(files, key=lambda one: ("filtered" not in one[0].stem, -one[0].stat().st_mtime, one[0])):
        try:
            names = match_videos(read_tracks(path), videos)
        except (LabelError, ModuleNotFoundError) as error:
            left_out.append(words_of(path, error))
            continue
        if not names:
            left_out.append(f"{path}: is {form.title}, of none of the videos here")
        elif both := sorted(names.keys() & covered.keys()):
            left_out.append(f"{path}: tracks, not used: those of {both[0]} are in {covered[both[0]].name} too")
        else:
            taken.append(path)
            covered.update(dict.fromkeys(names, path))
    if not taken or not pairs:
        return sorted(taken)
    try:
        animals = Animals(read_tracks([str(path) for path in sorted(taken)]))
        for video, animal in pairs:
            animals.animal(Clip(video, subject=animal), videos[video].fps)
    except (LabelError, VideoError) as error:
        reason = error.reason
        if not any(animal for _, animal in pairs):
            left_out.append(
                f"{', '.join(path.name for path in taken[:3])}: tracks, not used: the labels do not say which animal "
                "shows a behaviour. Name it in them (in BORIS: the subject of each event) as the tracks do, or train "
                "on whole frames, as this config does"
            )
            return []
        named = ", ".join(path.name for path in taken[:3])
        left_out.append(
            f"{named}: tracks, not used, since labels and tracks do not name the same animals: {reason}. Give the "
            f"tracks the names that the labels have, and run this again: amclip tracks {taken[0]} "
            f"--names '{{NAME IN THE TRACKS: NAME IN THE LABELS}}' --output {taken[0].with_name('tracks.csv')}"
        )
        return []
    return sorted(taken)
