"""Settings: the configuration file and the command line's options, checked. Never acts on them."""
