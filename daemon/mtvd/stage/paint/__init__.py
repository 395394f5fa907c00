"""Actions in DS9's words and files: scripts, regions, mask layers, FITS headers. Never talks to the window."""
