"""The sky of an image: cards as programs write them to one WCS that DS9 and astropy read alike. Never reads a file.

Pure Python: no numpy, no astropy, no files. The client sends cards as it has them; `celestial.celestial_of` is the one
place that says what they mean, for pictures, cut-outs and positions alike.
"""
