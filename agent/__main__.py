"""``python -m agent``."""

import gc
import sys

from agent.main import main

# What imports have made lives for ever; looking through it again stops everything for 50 ms and more each time.
gc.freeze()
sys.exit(main())
