"""Pure: one face for all tables; rows chosen, expressions evaluated, positions made markers. Never reads a file."""
