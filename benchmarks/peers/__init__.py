"""The ways of today, each rebuilt as it works, in a file of its own."""
