"""`python -m spark_engine`: the same program as `spark`."""

import sys

from spark_engine.main import main

sys.exit(main())
