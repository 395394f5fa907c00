"""Butler itself, in worker processes alone: connections, queries, registries. Never opens a dataset's pixels."""
