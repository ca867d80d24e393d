"""Moved to `demo.aws`."""

import sys

from demo.aws.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
