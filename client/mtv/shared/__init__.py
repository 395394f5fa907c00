"""Rules that both sides follow: paths, keys, packing, the sky, rows of tables. Never knows a session or a window.

With ``wire`` it is all that ``mtvd`` imports of ``mtv``.
"""
