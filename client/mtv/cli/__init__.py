"""The ``mtv`` command."""
