"""Verbs of a display, by what they concern: markers, view, masks. Never shows an image, nor talks to a socket."""
