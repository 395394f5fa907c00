"""Feeds and movies: work that goes on after its request. Draws through the engine alone."""
