"""The roads to and from a running DS9: the lane, its answers, events, the user's hand, and our part within DS9."""
