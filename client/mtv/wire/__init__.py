"""The protocol: messages, frames, limits, errors, version and colours. Never knows a socket, clock or thread.

Pure. Used by the client and by the daemon alike; ``PROTOCOL.md`` beside this package is the authority.
"""
