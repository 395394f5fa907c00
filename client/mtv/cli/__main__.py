"""``python -m mtv.cli``."""

from mtv.cli import main

if __name__ == "__main__":
    main()
