"""The stage: makes a window agree with the scene. Never decides what the scene is.

``port.py`` says what any window must do; the rest is DS9.
"""
