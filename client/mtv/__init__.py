"""The light client of ``mtvd``: one DS9 window and the Butler repositories of one daemon, from any process."""

__version__ = "0.1.0"
