"""``python -m flowgrad.cli``."""

import sys

from flowgrad.cli import main

sys.exit(main())
