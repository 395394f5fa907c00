"""Arrays on their way to the daemon: shared files, slots, buffers. Never knows what an image means."""
