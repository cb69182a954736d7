"""Live video: windows of a camera or a stream, scored as they end."""
