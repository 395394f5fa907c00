"""The daemon's doors: sockets, keys and rules for other hosts, the table of messages, status. Never draws."""
