"""Region files of DS9: text to checked regions, and back. Pure. Never reads a file."""
