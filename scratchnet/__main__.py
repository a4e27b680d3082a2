"""`python -m scratchnet` is the command `scratchnet`."""

import sys

from scratchnet.cli import main

sys.exit(main())
