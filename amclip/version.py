"""The version of amclip, below everything else that wants to write it down."""

__all__ = ["__version__"]

__version__ = "0.1.0"
