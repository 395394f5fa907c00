"""The daemon's host: processes, pixel files, locks, the service manager. Never knows what a pixel file shows."""
