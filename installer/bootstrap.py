"""Run me: `python3 installer/bootstrap.py run` starts Spark, `python3 installer/bootstrap.py test` checks it.

This file must parse on every Python, even 2.7, to say that it is too old.
"""

import os
import sys

NEEDED = (3, 11)

if sys.version_info < NEEDED:
    sys.stderr.write(
        "Spark needs Python %d.%d or newer, and this is Python %d.%d. Install a newer Python "
        "(for example from python.org) and start this script with it.\n" % (NEEDED + sys.version_info[:2])
    )
    sys.exit(1)

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from installer.commands import main  # noqa: E402 only a new enough Python can read it

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
