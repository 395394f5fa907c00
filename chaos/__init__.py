"""Kill and stop what a picture depends on while clients draw, and see whether the picture is right: ``make chaos``."""
