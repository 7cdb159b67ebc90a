"""Everything that inference.yaml and inference.<stack>.yaml declare."""

import coreweave_inference as cw

stack = cw.load()
