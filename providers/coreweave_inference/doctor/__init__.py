"""Why a stack does not answer: checks as data, one runner, and what an answer of a model proves."""
