"""The runner: one process per loaded model; prompts in, tokens out, over the pipe to the engine."""
