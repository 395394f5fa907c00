"""A demo repository: a real Butler repository whose images are drawn, not observed. Never touches a user's.

Owns the recipe of the demo sky and how it is written. Never reads a repository of a user, never talks to DS9.
`mtvd demo-repo` and ``python -m mtvd.demo`` call `mtvd.demo.build.build`; nothing else of the daemon needs it.
"""
