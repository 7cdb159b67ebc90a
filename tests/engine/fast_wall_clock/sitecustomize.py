"""Imported by every Python that has this folder on its path: a wall clock that runs a hundred times too fast."""

import time

_real, _start = time.time, time.time()
time.time = lambda: _start + (_real() - _start) * 100.0
