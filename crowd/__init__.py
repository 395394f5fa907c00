"""Fifty client processes of every sort at once, faults of disk and descriptors while they draw: ``make crowd``."""
