"""The one road to the window: queue, groups, journal, recovery, answers. Never speaks DS9's language."""
