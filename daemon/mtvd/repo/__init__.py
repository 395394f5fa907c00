"""Repositories: questions and data, in worker processes that alone import ``lsst``. Never draws."""
