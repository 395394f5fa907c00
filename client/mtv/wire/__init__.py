"""The protocol: messages, frames, limits, errors, version and colours.

Pure: no socket, clock or thread. Used by the client and by the daemon alike; ``PROTOCOL.md`` beside this package is
the authority.
"""
