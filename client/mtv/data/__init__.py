"""Objects that callers get: exposures, catalogs, references, their sky. Never asks for more than they name."""
