"""Places of datasets' files and copies of those on other hosts. Never looks into a file."""
