"""Continuous work of a caller: feeds of frames, movies, watches. Never talks to a socket itself."""
