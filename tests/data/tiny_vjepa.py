"""Tiny V-JEPAs under names of their own, for frames of 32 pixels; importing this module makes them known."""

from amclip.models import vjepa

__all__ = ["DEPTH", "KINDS"]

DEPTH = 3
KINDS = {"tiny_2": ("2", 48, DEPTH, 2, 96), "tiny_2_1": ("2.1", 48, DEPTH, 2, 96)}
vjepa.NAMES.update(KINDS)
