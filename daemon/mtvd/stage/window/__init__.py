"""One DS9 process, its screen and its owner: start, find, watch, replace. Never decides what is drawn."""
