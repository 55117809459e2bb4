"""`python -m sparring`, which is also what `torchrun -m -- sparring` starts."""

import sys

from sparring.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
