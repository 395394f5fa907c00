"""The stage: makes a window agree with the scene. ``port.py`` says what any backend must do; the rest is DS9."""
