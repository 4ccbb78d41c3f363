"""What reading the views may fail with, named for those who may not know what the views are stored in."""

import sqlite3
from typing import Final

VIEW_FAILURES: Final = (sqlite3.Error, OSError)
"""A database that is busy or broken, a disk that is full or gone: of the machine, and worth another try."""
