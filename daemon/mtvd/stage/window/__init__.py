"""One DS9 process, its screen and its owner: start, find, watch, replace. Never decides what is drawn.

The lane only finds a DS9 that the user runs and gives it the agent.
"""
