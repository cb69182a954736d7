"""From hours of video to an ethogram: windows that slide over a video, bouts from their scores, files, agreement."""
