"""Arguments as callers gave them, checked and turned into what the wire takes. Never sends anything."""
