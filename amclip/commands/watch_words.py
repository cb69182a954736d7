"""What `amclip watch` tells people, on standard error."""

import sys
from typing import TYPE_CHECKING

from amclip.text import printable

if TYPE_CHECKING:
    from amclip.ethogram.bouts import BoutSettings
    from amclip.live.latency import Speed
    from amclip.live.lines import EventSender
    from amclip.live.session import Session
    from amclip.live.windows import LiveWindows

__all__ = ["expected", "left_out", "measured", "ms", "tell_end", "thresholds"]


def thresholds(settings: "dict[str, BoutSettings]") -> str:
    """With which probabilities bouts begin and end."""
    each = (
        f"{name} from {one.threshold:.2f}" + (f" down to {one.lower:.2f}" if one.lower < one.threshold else "")
        for name, one in settings.items()
    )
    return f"  bouts    {', '.join(each)}"


def left_out(settings: "dict[str, BoutSettings]") -> str:
    """What the settings say that needs the future."""
    names = [
        name
        for name in ("smoothing", "minimum_bout", "minimum_gap")
        if any(getattr(one, name) > 0 for one in settings.values())
    ]
    return f"  not used {', '.join(names)}: they need the future" if names else ""


def expected(speed: "Speed", live: "LiveWindows", pace: float = 1.0) -> list[str]:
    """What latency to expect at best, measured on noise, and whether the machine keeps up with that pace.

    While it runs, decoding and the programs beside it take their part: what they leave is told by :func:`measured`.
    """
    new = live.new_images
    soon, late = speed.flow + speed.network + speed.window, speed.anew
    parts = f"flow {ms(speed.flow)}, network {ms(speed.network + speed.window)}"
    lines = [
        f"  at best  {ms(soon)} from a window's last frame to its probabilities ({parts}),",
        f"           {ms(late)} where all its images are new: measured on noise, with nothing beside it. They tell",
        f"           of the {live.window:g} s before: a behaviour shows when it fills enough of a window",
    ]
    load = speed.load(live.hop / pace, new)
    if load > 1:
        lines.append(
            f"warning: this machine scores about {1 / load:.0%} of these windows in time and will skip the others. "
            f"Less work: a longer --hop (now {live.hop:g} s), a smaller network, or a GPU"
        )
    else:
        lines.append(f"  load     {load:.0%} of the time is taken by it then; from 100% on windows are skipped")
    return lines


def measured(session: "Session", seconds: float) -> str:
    """The latencies of the first windows, as they were while it ran, and the load."""
    latencies, live = session.latencies, session.live
    return (
        f"  latency  of the first {session.scored} windows, measured as they ran: median "
        f"{ms(latencies.percentile(50))}, 95 % within {ms(latencies.percentile(95))}; "
        f"{live.busy / max(seconds, 1e-9):.0%} of the time was taken by it"
    )


def tell_end(session: "Session", sender: "EventSender", seconds: float, output: str | None) -> None:
    """The summary, on standard error."""
    live = session.live
    counts, all_of = live.counts, session.latencies
    lines = [
        f"{seconds:.0f} s: {counts.frames} frames ({live.frame_rate:.3g} a second), {counts.dropped_frames} dropped; "
        f"{session.scored} windows scored, {counts.late} skipped for want of time, {counts.broken} for want of frames"
    ]
    if live.reconnections:
        lines.append(f"  lost and back {live.reconnections} times")
    if session.scored:
        parts = ", ".join(f"{name} {ms(part.mean)}" for name, part in session.parts.items())
        lines.append(
            f"  latency  from a window's last frame: median {ms(all_of.percentile(50))}, 95 % within "
            f"{ms(all_of.percentile(95))}, at most {ms(all_of.most)}; on average {parts}. The window itself is "
            f"{live.window:g} s"
        )
    lines.append("  bouts    " + ", ".join(f"{name} {count}" for name, count in session.bouts.begun.items()))
    if sender.unsent:
        lines.append(f"  {sender.unsent} events could not be sent")
    if output is not None and session.scored:
        lines.append(f"  windows  {output}")
    for text in lines:
        print(printable(text), file=sys.stderr)


def ms(seconds: float) -> str:
    """Seconds with two or three digits."""
    return (
        f"{seconds:.2g} s"
        if seconds >= 1
        else f"{1e3 * seconds:.0f} ms"
        if seconds >= 0.01
        else f"{1e3 * seconds:.1f} ms"
    )
