"""``amclip synth``: write the demo data set."""

from collections import Counter

from amclip.text import counted

__all__ = ["synth"]


def synth(
    directory: str,
    clips: int = 240,
    seed: int = 0,
    seconds: float = 4.0,
    height: int = 128,
    width: int = 160,
    fps: float = 15.0,
    workers: int | None = None,
    animals: int | None = None,
) -> None:
    """Draw a demo data set: animals whose behaviours differ in how they move.

    Args:
        directory: Folder to write to: a new or empty one, or one that holds this very data set.
        clips: Number of clips.
        seed: Seed of the random numbers; the same seed draws the same clips.
        seconds: Length of a clip.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        fps: Frames per second.
        workers: Processes that draw; one per CPU if not given.
        animals: Draw so many animals in each clip, 1 to 9, that cross each other; tables then say which animal does
            what, and tracks.csv where each is. If not given, a clip shows one animal, seldom two, and labels are the
            clip's.
    """
    from amclip.data.synthetic import BEHAVIOURS, SPLITS, ClipSettings, split_of, write_dataset

    settings = ClipSettings(seed, seconds, (height, width), fps)
    labels = write_dataset(directory, clips, settings, workers, animals=animals)
    splits = Counter(split_of(index) for index in range(clips))
    shares = ", ".join(f"{count} {name}" for name, count in splits.items())
    size = sum(path.stat().st_size for path in labels.parent.glob("videos/*.mp4"))
    shown = "" if animals is None else f" of {animals} {'animal' if animals == 1 else 'animals'}"
    drawn = f"{counted(clips, 'clip')} of {seconds:g} s{shown} ({shares})"
    print(f"{drawn}, {size / 1e6:.1f} MB, with {len(BEHAVIOURS)} behaviours:")
    print(f"  {', '.join(BEHAVIOURS)}")
    print(f"  labels      {labels}")
    if missing := [name for name in SPLITS if name not in splits]:
        print(f"  note: no clip in {' and '.join(missing)}; 36 clips or more fill every split with every behaviour")
    print(f"  true bouts  {labels.with_name('events.csv')}")
    if animals is not None:
        print(f"  tracks      {labels.with_name('tracks.csv')}")
