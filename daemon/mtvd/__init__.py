"""The daemon: owns Butler repositories and one DS9 window, and draws what any process asks for."""
