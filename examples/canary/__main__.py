"""Everything that inference.yaml declares."""

import coreweave_inference as cw

stack = cw.load()
