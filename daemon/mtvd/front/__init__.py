"""The daemon's doors: sockets, admission, the table of messages, status. Never draws, never reads pixels."""
