"""The repositories: query and read, in worker processes that alone import ``lsst``."""
